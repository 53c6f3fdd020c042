#include "shelf.h"

/* How much of a shelf is free, in millimetres. */
int room_left(int width, int books, int thickness)
{
    return width - books * thickness;
}

/* Whether so many books fit; a shelf that is just full is fine. */
int fits(int width, int books, int thickness)
{
    return room_left(width, books, thickness) > 0;
}
