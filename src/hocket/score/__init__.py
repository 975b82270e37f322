"""Written music: typed chords and MIDI files, how they are played, and markers of beats, bars and chords."""
