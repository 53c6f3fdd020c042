#include <assert.h>
#include "../shelf.h"

int main(void)
{
    assert(room_left(900, 3, 30) == 810);
    assert(fits(900, 3, 30));
    assert(!fits(900, 31, 30));
    assert(fits(900, 30, 30));
    return 0;
}
