from xborder.cli import main

main()
