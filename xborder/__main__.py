from xborder.cli import app

app()
