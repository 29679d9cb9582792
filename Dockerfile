# The server in a container: docker-compose.yml brings it up with Caddy in front and previews beside it.
FROM python:3.12-slim-bookworm

RUN apt-get update \
	&& apt-get install --yes --no-install-recommends git openssh-client \
	&& rm -rf /var/lib/apt/lists/*

WORKDIR /opt/gitperch
COPY requirements.lock .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY server server
COPY plugins plugins
COPY frontend frontend
COPY contrib/preview contrib/preview
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation . \
	&& useradd --system --uid 9418 --no-create-home --home-dir /data gitperch \
	&& install -d -o gitperch -g gitperch -m 0700 /data

USER gitperch
ENV GITPERCH_DATA=/data GITPERCH_LISTEN=0.0.0.0:8000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
	CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gitperch", "serve"]
