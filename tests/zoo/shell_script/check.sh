#!/bin/sh
# Each line: grams, and what the letter costs.
status=0
while read -r grams cents; do
    found=$(python3 rates.py "$grams")
    if [ "$found" != "$cents" ]; then
        echo "postage of $grams g: expected $cents, got $found" >&2
        status=1
    fi
done <<END
1 85
20 85
21 100
50 100
51 160
END
exit $status
