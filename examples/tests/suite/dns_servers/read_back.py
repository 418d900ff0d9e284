"""Reads a zone with dnspython, by transfer and by single queries, and prints as JSON what is published in it.

Usage: read_back.py ADDRESS PORT ZONE OWNER
"""

import json
import sys

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.zone

TIMEOUT = 20


def records_of(rdataset):
    return [] if rdataset is None else sorted(rdata.to_text() for rdata in rdataset)


def asked(ask, server, port, name, kind):
    query = dns.message.make_query(name, kind)
    query.flags &= ~dns.flags.RD
    answer = ask(query, server, port=port, timeout=TIMEOUT)
    if not answer.flags & dns.flags.AA:
        raise SystemExit(f"{name} {kind}: the answer is not authoritative")
    return records_of(next((rrset for rrset in answer.answer if rrset.rdtype == kind), None))


def main():
    server, port, zone_name, owner = sys.argv[1:]
    port, owner = int(port), dns.name.from_text(owner)
    transfer = dns.query.xfr(server, zone_name, port=port, relativize=False, lifetime=TIMEOUT)
    zone = dns.zone.from_xfr(transfer, relativize=False)
    published = zone.get_rdataset(owner, dns.rdatatype.SRV)
    hosts = []
    for srv in published or []:
        if not srv.target.is_absolute() or not srv.target.is_subdomain(zone.origin):
            raise SystemExit(f"{srv}: the target is not in the zone")
        if zone.get_rdataset(srv.target, dns.rdatatype.CNAME):
            raise SystemExit(f"{srv}: the target is an alias, which RFC 2782 forbids")
        addresses = [
            record
            for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)
            for record in records_of(zone.get_rdataset(srv.target, kind))
        ]
        hosts.append(
            {
                "priority": srv.priority,
                "weight": srv.weight,
                "port": srv.port,
                "target": srv.target.to_text(),
                "addresses": addresses,
            }
        )
    by_udp = asked(dns.query.udp, server, port, owner, dns.rdatatype.SRV)
    by_tcp = asked(dns.query.tcp, server, port, owner, dns.rdatatype.SRV)
    if not by_udp == by_tcp == records_of(published):
        raise SystemExit(f"{by_udp} by UDP, {by_tcp} by TCP, {records_of(published)} in the zone")
    ttl = None if published is None else published.ttl
    hosts.sort(key=lambda host: host["target"])
    json.dump({"ttl": ttl, "hosts": hosts}, sys.stdout)


main()
