"""Where things are drawn: layouts, routes and thinned series, for whatever draws them."""
