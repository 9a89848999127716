# SPDX-License-Identifier: ISC
"""The zones of the lab, as text. lab.py signs and serves them.

Only names of RFC 2606 and addresses of RFC 5737 and RFC 3849 stand here.
DKIM_RSA and DKIM_ED25519 become fresh keys' records. Each zone gets its SOA
(negative TTL 120 s unless said otherwise), a server "ns" in it, and in its
parent a delegation; `how` says what else is done:

  secure    signed, with a DS record in the parent
  insecure  not signed, no DS: proved to be unsigned
  bogus     signed, DS, then every signature but the apex's own keys damaged
  expired   signed, DS, but the signatures have run out
  nokey     DS in the parent, the zone itself not signed
  absent    delegated and configured, but its file is missing: SERVFAIL
  far       not signed, and served by the second server alone
  nowhere   delegated to a server that does not answer
"""
from collections import namedtuple

Zone = namedtuple('Zone', 'name how text ttl negative_ttl',
                  defaults=(300, 120))

# 17 strings of 241 octets, over 4 kB: does not fit into a UDP answer.
BIG = ' '.join('"%02d%s"' % (i, 'x' * 239) for i in range(17))

ZONES = [
    Zone('.', 'secure', '', 86400),
    Zone('com', 'secure', '', 3600),
    Zone('net', 'secure', '', 3600),
    Zone('org', 'secure', '', 3600),

    # The organisations without a zone of their own stand in this one.
    Zone('example', 'secure', '''
plain            A     192.0.2.80
plain            MX    10 plain
''', 3600),

    # Signed, and strict with its mail: the main actor.
    Zone('example.com', 'secure', r'''
@                A     192.0.2.80
@                MX    10 mail
mail             A     192.0.2.25
mail             AAAA  2001:db8::25
@                TXT   "v=spf1 mx ip4:192.0.2.0/28 include:_spf.example.org -all"
_dmarc           TXT   "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"
rsa._domainkey   TXT   DKIM_RSA
ed._domainkey    TXT   DKIM_ED25519
revoked._domainkey TXT "v=DKIM1; k=rsa; p="
broken._domainkey TXT  "v=DKIM1; k=rsa; p=not*base64"
two._domainkey   TXT   DKIM_ED25519
two._domainkey   TXT   "v=DKIM1; k=rsa; p="
short._domainkey CNAME rsa._domainkey

; Below it: a name with no DMARC record of its own, and one that has one.
news             A     192.0.2.81
alerts.eu.news   A     192.0.2.82
lists            A     192.0.2.83
_dmarc.lists     TXT   "v=DMARC1; p=none; adkim=s"

; SPF on its own
softfail         TXT   "v=spf1 ip4:192.0.2.1 ~all"
neutral          TXT   "v=spf1 ?all"
redirect         TXT   "v=spf1 redirect=example.org"
macro            TXT   "v=spf1 exists:%{l}._spf.%{d} -all"
joe._spf.macro   A     127.0.0.2
explained        TXT   "v=spf1 -all exp=why.explained.example.com"
why.explained    TXT   "%{i} may not send mail for %{d}"
broken           TXT   "v=spf1 ip4:192.0.2.300 -all"
twice            TXT   "v=spf1 -all"
twice            TXT   "v=spf1 +all"
half             TXT   "v=spf1 ip4:192.0.2.1 include:dead.example -all"

; DNS by itself
text             TXT   "first" " and second"
text             TXT   "another"
six              AAAA  2001:db8::6
big              TXT   BIG
zero         0   TXT   "not to be kept"
chain1           CNAME chain2
chain2      200  CNAME chain3.example.org.
toinsecure       CNAME text.example.net.
tonothing        CNAME nothing.example.com.
tonodata         CNAME six
loop1            CNAME loop2
loop2            CNAME loop1
*.wild           TXT   "wild"
'''),

    Zone('example.org', 'secure', '''
@                MX    10 mail
mail             A     198.51.100.25
@                TXT   "v=spf1 a:mail.example.org ~all"
_spf             TXT   "v=spf1 ip4:198.51.100.0/24 -all"
_dmarc           TXT   "v=DMARC1; p=quarantine; sp=reject"
rsa._domainkey   TXT   DKIM_RSA
ed._domainkey    TXT   DKIM_ED25519
chain3     100   TXT   "the end of the chain"
'''),

    # Not signed; and any number of names for tests that need many.
    Zone('example.net', 'insecure', '''
@                TXT   "v=spf1 ip4:203.0.113.0/24 ?all"
_dmarc           TXT   "v=DMARC1; p=none"
text             TXT   "unsigned"
rsa._domainkey   TXT   DKIM_RSA
*.bulk           TXT   "v=spf1 ip4:192.0.2.0/24 -all"
*._domainkey.bulk TXT  DKIM_ED25519
'''),

    # What lives for two seconds, for tests of expiry.
    Zone('brief.example', 'secure', '''
@                TXT   "v=spf1 ip4:192.0.2.1 -all"
_dmarc           TXT   "v=DMARC1; p=reject"
ed._domainkey    TXT   DKIM_ED25519
text             TXT   "soon gone"
''', 2, 2),

    Zone('bogus.example', 'bogus', '''
@                TXT   "v=spf1 +all"
_dmarc           TXT   "v=DMARC1; p=none"
ed._domainkey    TXT   DKIM_ED25519
text             TXT   "never to be used"
'''),
    Zone('expired.example', 'expired', 'text TXT "never to be used"\n'),
    Zone('nokey.example', 'nokey', 'text TXT "never to be used"\n'),
    Zone('servfail.example', 'absent', ''),

    # Two servers, and one of them is lame: it knows only the delegation. Who
    # forwards to the main server must name both in a stub.
    Zone('lame.example', 'far', '''
text             TXT   "it does exist"
*.many           TXT   "it does exist"
_dmarc           TXT   "v=DMARC1; p=reject"
'''),
    Zone('dead.example', 'nowhere', ''),
]
