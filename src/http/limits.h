/* Every maximum of the HTTP side that is not an option. */
#pragma once

enum {
    HTTP_HEADERS_MAX = 100,         /* header lines of a request */
    HTTP_RESPONSE_HEADERS_MAX = 32, /* of an answer */
    HTTP_ARENA_MAX = 64 << 20,      /* bytes one request may allocate */
    HTTP_SEGMENTS_MAX = 32,         /* of a path */
    HTTP_PATH_PARAMS_MAX = 8,       /* of a route */
    HTTP_ROUTES_MAX = 4096,
    HTTP_REQUEST_ID_MAX = 64,     /* taken from a proxy */
    HTTP_FORWARDED_MAX = 32,      /* addresses of X-Forwarded-For that are walked */
    HTTP_DISCARD_MAX = 256 << 10, /* of an unwanted body; twice what the route takes, if that is more */
    HTTP_CACHED_BODY_MAX = 32 << 10,
    HTTP_SPARES = 64,
    HTTP_DATE_SIZE = 30,
    HTTP_RETRY_AFTER_S = 2,
    HTTP_SEND_BYTES_PER_S = 10 << 10, /* slower readers lose their slot */
    HTTP_STREAM_PIECE =
        (16 << 10) - 8, /* what a stream is asked for: with the frame of its chunk just one full TLS record */
};
