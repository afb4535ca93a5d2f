"""Small networks of our own that listen, to GRID's words and to emotions; `imagintalk train` trains them."""
