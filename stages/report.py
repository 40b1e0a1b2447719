"""python -m stages.report [--serve] : artifacts/*, params.yaml -> reports/index.html

With --serve nothing is written: the page is served on 127.0.0.1 and made again whenever artifacts/ changes, unfinished
trainings included.
"""

from pathlib import Path

from drillcore.base.store import whole
from stages.rig.base.command import command, say
from stages.rig.page import make_page
from stages.rig.serve import serve as serve_page

PAGE = Path("reports", "index.html")


def main(*, serve=False):
    """Make one page of all networks."""
    if serve:
        return serve_page()
    page = make_page()
    with whole(PAGE) as part:
        part.write_bytes(page)
    say(f"{PAGE}: {len(page) / 1e6:.1f} MB; open it in a browser")


if __name__ == "__main__":
    command(main)
