#!/bin/sh
# Keeps the containers of one data folder to themselves: walls.sh NAME PORTS SERVERS, or walls.sh NAME down to take it all away
#
# Run as root in the network namespace of the engine, before a container starts and as often as anybody likes. NAME begins the names of
# their bridges. PORTS (separated by commas) of this machine are where they clone from; or else of SERVERS (the same), the addresses that
# the server's own container has in their networks.
set -eu
name=$1 ports=$2 servers=${3-}
open=$ports
[ -z "$servers" ] || open=

tables=
for program in iptables iptables-legacy; do
	command -v "$program" >/dev/null || continue
	: "${tables:=$program}"
	if "$program" -w 10 -n -L DOCKER-USER >/dev/null 2>&1; then # the engine's own rules are there
		tables=$program
		break
	fi
done
[ "$tables" ] || { echo "iptables is missing" >&2; exit 3; }
forward=FORWARD
! "$tables" -w 10 -n -L DOCKER-USER >/dev/null 2>&1 || forward=DOCKER-USER

if [ "$ports" = down ]; then
	for pair in "FORWARD OUT" "DOCKER-USER OUT" "INPUT IN"; do
		to=$name-${pair#* }
		while "$tables" -w 10 -D "${pair% *}" -i "$name+" -j "$to" 2>/dev/null; do :; done
		"$tables" -w 10 -F "$to" 2>/dev/null && "$tables" -w 10 -X "$to" 2>/dev/null || :
	done
	exit 0
fi

# OUT: to other machines. Nothing goes to another container; of link-local addresses, where clouds keep their metadata and its
# credentials, only the name server that some have there.
# IN: to this machine, under any of its addresses. Answers to what it asked, name servers, and the way to clone.
"$tables-restore" -w 10 --noflush <<RULES
*filter
:$name-OUT - [0:0]
:$name-IN - [0:0]
-A $name-OUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
${servers:+-A $name-OUT -s $servers -j ACCEPT}
${servers:+-A $name-OUT -d $servers -p tcp -m multiport --dports $ports -j ACCEPT}
-A $name-OUT -o $name+ -j DROP
-A $name-OUT -d 169.254.0.0/16 -p udp --dport 53 -j RETURN
-A $name-OUT -d 169.254.0.0/16 -p tcp --dport 53 -j RETURN
-A $name-OUT -d 169.254.0.0/16 -j DROP
-A $name-OUT -d 127.0.0.0/8 -j DROP
-A $name-IN -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A $name-IN -p udp --dport 53 -j RETURN
-A $name-IN -p tcp --dport 53 -j RETURN
${open:+-A $name-IN -p tcp -m multiport --dports $open -j ACCEPT}
-A $name-IN -j DROP
COMMIT
RULES

lead() { # lead CHAIN TO: packets of these containers pass TO first
	"$tables" -w 10 -C "$1" -i "$name+" -j "$2" 2>/dev/null || "$tables" -w 10 -I "$1" 1 -i "$name+" -j "$2"
}
lead "$forward" "$name-OUT"
lead INPUT "$name-IN"
