/* C23's checked arithmetic under its own names: gcc 12 has no <stdckdint.h>. True means overflow. */
#pragma once
#define ckd_add(result, a, b) __builtin_add_overflow((a), (b), (result))
#define ckd_sub(result, a, b) __builtin_sub_overflow((a), (b), (result))
#define ckd_mul(result, a, b) __builtin_mul_overflow((a), (b), (result))
