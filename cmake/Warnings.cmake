# Warnings are errors in every build a developer or CI makes (TKEAUTH_WERROR); a packager may turn that off.
option(TKEAUTH_WERROR "Treat warnings as errors" ON)

set(TKEAUTH_WARNINGS
    -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wshadow -Wvla -Wstrict-prototypes
    -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wimplicit-fallthrough
    -Wswitch-enum -Wdouble-promotion -Wnull-dereference -Walloca -Wframe-larger-than=16384
    -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND TKEAUTH_WARNINGS -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init
       -Wformat-signedness -Wtrampolines -Wbidi-chars=any)
  # gcc's flow warnings misread the checks that sanitizers insert; the release build still has them.
  if(TKEAUTH_SANITIZE)
    list(REMOVE_ITEM TKEAUTH_WARNINGS -Wnull-dereference)
    list(APPEND TKEAUTH_WARNINGS -Wno-maybe-uninitialized)
  endif()
endif()
if(TKEAUTH_WERROR)
  list(APPEND TKEAUTH_WARNINGS -Werror)
endif()
