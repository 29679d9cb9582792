"""Content types by the end of a file's name: fixed here, so that no machine's own list changes what a site is."""

from __future__ import annotations

TEXT_TYPES = {
    "text/html": "html htm",
    "text/css": "css",
    "text/javascript": "js mjs cjs",
    "text/plain": "txt text log asc py sh rs go c h cpp java rb ts tsx jsx toml ini cfg diff patch",
    "text/markdown": "md markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "application/json": "json map geojson topojson",
    "application/ld+json": "jsonld",
    "application/manifest+json": "webmanifest",
    "application/xml": "xml xsl xsd",
    "application/xhtml+xml": "xhtml xht",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/yaml": "yaml yml",
    "image/svg+xml": "svg",
}
BINARY_TYPES = {
    "application/wasm": "wasm",
    "application/pdf": "pdf",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/epub+zip": "epub",
    "application/vnd.ms-fontobject": "eot",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/jxl": "jxl",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/x-icon": "ico cur",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg oga opus",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/midi": "mid midi",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "model/gltf-binary": "glb",
    "model/gltf+json": "gltf",
}
UNKNOWN = "application/octet-stream"
SNIFF = 8000  # bytes that git, too, looks at to tell text from binary
_BY_END = {end: f"{kind}; charset=utf-8" for kind, ends in TEXT_TYPES.items() for end in ends.split()} | {
    end: kind for kind, ends in BINARY_TYPES.items() for end in ends.split()
}
_PACKED = frozenset(("application/wasm", "image/bmp", "image/x-icon", "font/ttf", "font/otf", "model/gltf+json"))


def content_type(name: str) -> str | None:
    """The content type for a file name; None where its end says nothing."""
    return _BY_END.get(name.rpartition(".")[2].lower()) if "." in name else None


def sniffed(data: bytes) -> str:
    """The content type of a file whose name says nothing: plain text, or bytes."""
    return UNKNOWN if b"\0" in data[:SNIFF] else "text/plain; charset=utf-8"


def is_packable(kind: str) -> bool:
    """Whether gzip makes such a file smaller."""
    return kind.endswith("charset=utf-8") or kind in _PACKED
