def name_for(worker, base):
    return base if worker == "master" else base + worker


def number_of(worker):
    return int(worker.lstrip("gw"))
