#ifndef SHELF_H
#define SHELF_H

int room_left(int width, int books, int thickness);
int fits(int width, int books, int thickness);

#endif
