#!/bin/sh
# Brings a branch into a container, installs what it needs, and starts it.
#
# Environment:
#   GIT_CLONE_URL    where to clone from, http or https
#   GIT_BRANCH       the branch
#   GIT_COMMIT       the commit of it; default its newest
#   SESSION_BRANCH   the branch to be on, made from GIT_BRANCH where the server has none of that name; default GIT_BRANCH
#   GIT_TOKEN        a token that may read the repository; or GIT_TOKEN_FILE, a file with it, which is removed once it is read
#   GIT_DEPTH        how many commits of history; default 1, 0 for all
#   PORT             where the app has to listen; default 8080
#   WORKSPACE        where the repository goes; default /workspace
# Arguments are the command that starts the app. Without any, package.json, Procfile and Python projects are looked at.
#
# A server leaves what is to be done in the folder JOB instead: `environment`, a file of exports; `token`; and the lines to run, one to a
# file, as install.NN, build.NN, release.NN and start.NN, with start.NN.from saying where it is from. The folder's files are removed
# before any of the repository's own code runs. Without a start the container ends when all is made; with `made`, it first says the word
# in that file, and waits a little for SIGUSR1 and a start in JOB, or else the one that `first` has. With TOLD set, the server has said
# already what starts.
set -eu

# git asks this script for a name and a password, so that the token is in no argument, no URL and no configuration. Whoever else asks,
# such as a server that the repository's own configuration names, is told nothing.
if [ "${GITPERCH_ASKS-}" ]; then
	case $1 in
	"Username for '$GITPERCH_ASKS'"*) echo preview ;;
	"Password for '${GITPERCH_ASKS%%://*}://preview@${GITPERCH_ASKS#*://}'"*) printf '%s\n' "$GIT_TOKEN" ;;
	*) exit 1 ;;
	esac
	exit
fi

work=${WORKSPACE:-/workspace}
job=${JOB:-/gitperch/job}
taken=/tmp/gitperch-job
STAY_SECONDS=20
TRIAL_SECONDS=10 # a command that ends sooner was not the right one, if there is another

say() { printf -- '-----> %s\n' "$*"; }
fail() { # fail STATUS WORDS: 71 cloning, 72 installing, 73 building, 74 releasing, 75 the folder
	status=$1
	shift
	printf ' !     %s\n' "$*" >&2
	exit "$status"
}

take_job() { # read what the server left, and leave nothing of it for the repository's code
	given= made=
	rm -rf "$taken"
	mkdir -m 700 "$taken"
	for file in "$job"/*; do
		[ -f "$file" ] || continue
		given=1
		case ${file##*/} in
		environment) . "$file" ;;
		token) GIT_TOKEN=$(cat "$file") ;;
		made) made=$(cat "$file") ;;
		*) cp "$file" "$taken/" ;;
		esac
		rm -f "$file"
	done
	if [ "${GIT_TOKEN_FILE-}" ] && [ -r "$GIT_TOKEN_FILE" ]; then
		GIT_TOKEN=$(cat "$GIT_TOKEN_FILE")
		rm -f "$GIT_TOKEN_FILE"
	fi
}

ask_git() { # git that is told the token when it asks, follows no redirect, no hook and no submodule
	GITPERCH_ASKS=$origin GIT_TOKEN=${GIT_TOKEN-} GIT_ASKPASS=$0 GIT_TERMINAL_PROMPT=0 \
		git -c core.hooksPath=/dev/null -c credential.helper= -c http.followRedirects=false -c transfer.bundleURI=false \
		-c submodule.recurse=false -c protocol.allow=never -c protocol.http.allow=always -c protocol.https.allow=always \
		-c lfs.url="$GIT_CLONE_URL/info/lfs" "$@"
}

clone() {
	: "${GIT_CLONE_URL:?says where to clone from}" "${GIT_BRANCH:?says which branch}"
	origin=$(printf '%s' "$GIT_CLONE_URL" | sed 's|^\(https\{0,1\}://[^/]*\).*|\1|')
	session=${SESSION_BRANCH:-$GIT_BRANCH} from=$GIT_BRANCH commit=${GIT_COMMIT-}
	depth=${GIT_DEPTH:-1}
	[ "$depth" != 0 ] || depth=
	if [ "$session" != "$GIT_BRANCH" ] &&
		[ "$(ask_git ls-remote -- "$GIT_CLONE_URL" "refs/heads/$session")" ]; then
		from=$session commit=
	fi
	say "Cloning $from"
	ask_git clone --quiet --template= --no-checkout --no-tags --single-branch ${depth:+"--depth=$depth"} \
		--branch="$from" -- "$GIT_CLONE_URL" "$work" ||
		fail 71 "The branch $from could not be cloned."
	cd "$work"
	if [ "$commit" ] && [ "$commit" != "$(git rev-parse HEAD)" ]; then
		git cat-file -e "$commit^{commit}" 2>/dev/null || ask_git fetch --quiet --no-tags --depth=1 origin "$commit" ||
			fail 71 "The commit $commit is not on the server any more."
	fi
	# Plumbing, since a branch may be called what an option is.
	git update-ref "refs/heads/$session" "${commit:-HEAD}"
	git symbolic-ref HEAD "refs/heads/$session"
	git config "branch.$session.remote" origin
	git config "branch.$session.merge" "refs/heads/$session"
	if git lfs version >/dev/null 2>&1; then
		ask_git -c filter.lfs.process="git-lfs filter-process" -c filter.lfs.required=true reset --quiet --hard HEAD
	else
		ask_git reset --quiet --hard HEAD
	fi || fail 71 "The files of $session could not be checked out."
	echo "       $session is at $(git rev-parse --short HEAD)"
}

told() { # a line as it is shown, with what it is from
	printf '%s' "$(head -n 1 "$1" | cut -c 1-200)"
	[ ! -f "$1.from" ] || printf ' (%s)' "$(cat "$1.from")"
}

steps() { # steps KIND WORD STATUS: run the lines of a kind in turn
	for file in "$taken/$1".??; do
		[ -f "$file" ] || continue
		say "$2: $(told "$file")"
		/bin/sh -c "$(cat "$file")" || fail "$3" "$2 ended with status $?."
	done
}

found_install() { # by lock file, where nobody said how
	if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then
		echo "npm ci --no-audit --no-fund"
	elif [ -f pnpm-lock.yaml ]; then
		echo "pnpm install --frozen-lockfile"
	elif [ -f yarn.lock ]; then
		echo "yarn install --frozen-lockfile"
	elif [ -f bun.lock ] || [ -f bun.lockb ]; then
		echo "bun install --frozen-lockfile"
	elif [ -f package.json ]; then
		echo "npm install --no-audit --no-fund"
	elif [ -f requirements.txt ]; then
		echo "python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt"
	elif [ -f pyproject.toml ]; then
		echo "python3 -m venv .venv && .venv/bin/pip install --quiet ."
	fi
}

found_starts() { # in the order in which a server looks: Procfile, package.json's dev and start, Python, files
	if [ -f Procfile ]; then
		sed -n 's/^web:[[:space:]]*//p' Procfile | head -n 1
	fi
	if [ -f package.json ]; then
		for script in dev start; do
			! grep -q "\"$script\"[[:space:]]*:" package.json || echo "npm run $script"
		done
	fi
	for file in app.py main.py; do
		[ ! -f "$file" ] || echo "python3 $file"
	done
	[ ! -f index.html ] || echo "python3 -m http.server --bind 0.0.0.0 $PORT"
}

find_job() { # as a server would have left it, for a container that somebody started by hand
	found_install >"$taken/install.01"
	[ -s "$taken/install.01" ] || rm "$taken/install.01"
	number=10
	found_starts | while read -r line; do
		printf '%s\n' "$line" >"$taken/start.$number"
		number=$((number + 1))
	done
}

stay() { # starting a container takes longer than all that is done here
	go=
	trap go=1 USR1
	echo "$made"
	sleep $STAY_SECONDS &
	wait $! || :
	trap - USR1
	kill $! 2>/dev/null || :
	[ "$go" ] || exit 0
	[ -f "$job/start.01" ] || mv "$taken/first" "$job/start.01"
	take_job
}

start() { # the first command that stays up; the last one's end is the container's
	set -- "$taken"/start.??
	[ -f "$1" ] || return 0
	while [ $# -gt 0 ]; do
		line=$(cat "$1")
		[ "${TOLD-}" ] || say "Starting: $(told "$1")"
		[ $# -gt 1 ] || exec /bin/sh -c "$line"
		began=$(date +%s)
		/bin/sh -c "$line" &
		app=$!
		trap 'kill -TERM $app 2>/dev/null' TERM INT
		status=0
		wait $app || status=$?
		[ $(($(date +%s) - began)) -lt $TRIAL_SECONDS ] || exit $status
		echo "       It ended with status $status at once; the next one is tried."
		shift
	done
}

export PORT="${PORT:-8080}" HOST="${HOST:-0.0.0.0}"
umask 022
mkdir -p "${HOME:=/home/preview}"
export HOME
take_job
[ -z "$given" ] || exec 2>&1 # one log, in the order in which it was said
[ -e "$work/.git" ] || clone
unset GIT_TOKEN GIT_TOKEN_FILE # what runs from here on has no use for it
cd "$work/${ROOT-}" || fail 75 "There is no folder ${ROOT-} in this commit."
[ $# -eq 0 ] || exec "$@"
[ "$given" ] || find_job
steps install Installing 72
steps build Building 73
steps release Releasing 74
[ -z "$made" ] || stay
start
