"""Cross-border e-commerce declarations: order files in, clearance manifests and stock reports out.

The rooms (packages) import only from rooms to their left:
clock, findings → schemas → intake → checks → registry → manifests, stock → assets, portal, cli.
"""

__version__ = "0.1.0"
