"""The demo's product pictures, drawn by code for this project; `gallery.draw_picture` is the way in."""
