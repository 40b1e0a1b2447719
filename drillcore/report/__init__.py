"""report: everything the analyses found, as one page to explore: reports/index.html.

The page needs nothing but itself: it opens from disk, and can be mailed. `build` walks over the networks and packs
what each topic module picks from their artifacts; `page/` is what the browser runs: a view per topic, plain modules
that Python inlines. Charts are drawn by plotly.js, which is made for scientific ones (logarithmic axes, colour bars,
PNG and SVG of every figure) and ships whole in a package; maps of many cells are drawn on a canvas under its axes, for
only that keeps up with a slider.
"""
