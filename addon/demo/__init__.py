"""`imagintalk demo`: the whole way in a Blender without a window. Not part of the extension."""
