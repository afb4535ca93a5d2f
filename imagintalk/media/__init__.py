"""Reading pictures and sound of any container that FFmpeg reads, and writing WAV and video files whole."""
