#pragma once

#include <vector>

namespace span {

// The widest gap between neighbours; 0 where there are none.
inline int widest(const std::vector<int>& marks)
{
    int found = 0;
    for (std::size_t at = 1; at < marks.size(); ++at) {
        int gap = marks[at] - marks[at - 1];
        if (gap < found) {
            found = gap;
        }
    }
    return found;
}

}
