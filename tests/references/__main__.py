"""Writes all that is made from the code."""

from tests.references import written

for path, text in written().items():
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
        print(f"Wrote {path}.")
