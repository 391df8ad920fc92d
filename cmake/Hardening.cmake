# Hardening of the release build, each flag only where compiler and linker know it. Sanitizer builds get none of
# it: auto-initialisation hides the very bugs they look for.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(TKEAUTH_SANITIZE "" CACHE STRING "Sanitizers of this build, for example address,undefined")
set(TKEAUTH_HARDENING "")
set(TKEAUTH_HARDENING_LINK "")

if(TKEAUTH_SANITIZE)
  add_compile_options(-fsanitize=${TKEAUTH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TKEAUTH_SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
  # Each compiler only warns about the other architecture's flag, which a check for acceptance does not see.
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(TKEAUTH_CFI -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(TKEAUTH_CFI -mbranch-protection=standard)
  endif()
  foreach(flag -fstack-protector-strong -fstack-clash-protection ${TKEAUTH_CFI} -ftrivial-auto-var-init=zero
               -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fexceptions)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" var)
    check_c_compiler_flag(${flag} ${var})
    if(${var})
      list(APPEND TKEAUTH_HARDENING ${flag})
    endif()
  endforeach()
  list(APPEND TKEAUTH_HARDENING -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,nodlopen -Wl,--as-needed
               -Wl,--no-copy-dt-needed-entries)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" var)
    check_linker_flag(C ${flag} ${var})
    if(${var})
      list(APPEND TKEAUTH_HARDENING_LINK ${flag})
    endif()
  endforeach()
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
endif()
