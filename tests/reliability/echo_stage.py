"""A stage for tests of the process that runs stages: it says where it runs, and ends as its argument says."""

import json
import os
import sys
import time

if __name__ == "__main__":
    print(
        json.dumps({"parent": os.getppid(), "threads": os.environ["OMP_NUM_THREADS"], "arguments": sys.argv[1:]}),
        flush=True,
    )
    match sys.argv[1]:
        case "sentence":
            sys.exit("echo: the value is 0, but should be 1")
        case "three":
            sys.exit(3)
        case "fails":
            raise ValueError("a defect")
        case "sleeps":
            time.sleep(60)
