from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=40, unique=True)
    count = models.IntegerField(default=0)

    def take(self, wanted):
        if wanted > self.count:
            raise ValueError(f"only {self.count} left")
        self.count += wanted
        self.save()
