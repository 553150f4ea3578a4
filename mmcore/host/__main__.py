"""`python -m mmcore.host`: the host as `mmcore.engine.launch` starts it, with settings from the environment."""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import replace

from mmcore import config
from mmcore.engine.start import ANOTHER_RUNS
from mmcore.errors import SidesightError
from mmcore.host import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mmcore.host")
    parser.add_argument("--engine", help="instead of the setting host.engine")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings, problems = config.load()
    for problem in problems:
        logging.warning(problem)
    try:
        if arguments.engine:
            settings = replace(settings, host=replace(settings.host, engine=arguments.engine))
        serve.run(settings)
    except serve.AnotherRuns:
        sys.exit(ANOTHER_RUNS)
    except SidesightError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
