"""How often every interval of a binary metric holds the truth, by rows of a sample: 4,000 seeded samples each."""

import json
import time
from dataclasses import asdict

from tests.analysis.coverage import DRAWS, EXCEPTIONS, INTERVALS, PROMISE, coverage

ROWS, FEWER = (30, 60, 100, 400, 1000), (60, 200)  # resampling each sample takes its time


def main() -> None:
    found = []
    for interval in INTERVALS:
        for rows in FEWER if "bootstrap" in interval else ROWS:
            start = time.process_time()
            seen = coverage(interval, rows)
            low, high = PROMISE
            found.append({"interval": interval, "rows": rows, "draws": DRAWS, **asdict(seen),
                          "kept": low <= seen.held <= high, "known": EXCEPTIONS.get((interval, rows)),
                          "cpu_s": round(time.process_time() - start, 1)})
    print(json.dumps({"goal": PROMISE, "kept": sum(each["kept"] for each in found), "of": len(found),
                      "not_known": [each for each in found if not each["kept"] and each["known"] is None],
                      "all": found}, indent=2))


if __name__ == "__main__":
    main()
