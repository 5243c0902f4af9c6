import sys
from ipaddress import IPv4Address

from pyroute2.ipset import IPSet, PortEntry

name, count = sys.argv[1], int(sys.argv[2])
sets = IPSet()
port = PortEntry(8080, protocol=6)
for number in range(count):
    address = str(IPv4Address(0x0A000001 + number))
    sets.add(name, (address, port, "10.0.0.1"), etype="ip,port,ip")
