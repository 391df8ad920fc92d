/* base owns what every module shares: errors, byte slices and bounded buffers, arenas, maps, secrets, encodings,
 * time and randomness. It must never do I/O beyond reading a named file, log, or keep process-global state. */
#pragma once
#include "tkeauth/base/err.h"
#include "tkeauth/base/str.h"
#include "tkeauth/base/arena.h"
#include "tkeauth/base/map.h"
#include "tkeauth/base/secret.h"
#include "tkeauth/base/encoding.h"
#include "tkeauth/base/json.h"
#include "tkeauth/base/time.h"
#include "tkeauth/base/random.h"
#include "tkeauth/base/file.h"
#include "tkeauth/base/snapshot.h"
#include "tkeauth/base/ckd.h"
#include "tkeauth/base/banned.h"
