# One static library per module, so that a test links only what its module may use.

function(tkeauth_compile_options target)
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE TKEAUTH_VERSION="${PROJECT_VERSION}")
  # A log line names the place of an error as src/x/y.c, wherever it was built.
  target_compile_options(${target} PRIVATE ${TKEAUTH_WARNINGS} ${TKEAUTH_HARDENING}
                         -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
  target_link_options(${target} PRIVATE ${TKEAUTH_HARDENING_LINK})
endfunction()

# tkeauth_module(NAME SOURCES file... [USES module...] [LIBS target...])
#   USES: modules to the left of this one (tests/lint/layers.conf); LIBS: outside libraries.
function(tkeauth_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LIBS" ${ARGN})
  add_library(tkeauth_${name} STATIC ${arg_SOURCES})
  target_include_directories(tkeauth_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_SOURCE_DIR}/src
                             ${CMAKE_BINARY_DIR}/generated)
  list(TRANSFORM arg_USES PREPEND tkeauth_)
  target_link_libraries(tkeauth_${name} PUBLIC ${arg_USES} ${arg_LIBS} Threads::Threads)
  tkeauth_compile_options(tkeauth_${name})
endfunction()

# tkeauth_test(NAME SOURCES file... USES module... [LIBS target...] [TIMEOUT seconds])
#   A cmocka program, run by ctest under NAME.
function(tkeauth_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;USES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests
                             ${CMAKE_BINARY_DIR}/generated)
  list(TRANSFORM arg_USES PREPEND tkeauth_)
  target_link_libraries(${name} PRIVATE ${arg_USES} ${arg_LIBS} PkgConfig::CMOCKA)
  tkeauth_compile_options(${name})
  target_compile_options(${name} PRIVATE -Wno-missing-prototypes)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
endfunction()

# tkeauth_fuzz(NAME SOURCE file USES module... [CORPUS folder])
#   One libFuzzer target. Without TKEAUTH_FUZZ it is linked with a main that replays the corpus, under ctest.
function(tkeauth_fuzz name)
  cmake_parse_arguments(arg "" "SOURCE;CORPUS" "USES;LIBS" ${ARGN})
  if(NOT arg_CORPUS)
    set(arg_CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  endif()
  list(TRANSFORM arg_USES PREPEND tkeauth_)
  add_executable(${name} ${arg_SOURCE})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
  target_link_libraries(${name} PRIVATE ${arg_USES} ${arg_LIBS})
  tkeauth_compile_options(${name})
  target_compile_options(${name} PRIVATE -Wno-missing-prototypes -UNDEBUG) # the properties are asserts
  if(TKEAUTH_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    # What ./dev fuzz runs.
    file(APPEND ${CMAKE_BINARY_DIR}/fuzz-targets "${name} ${CMAKE_CURRENT_BINARY_DIR}/${name} ${arg_CORPUS}\n")
  else()
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME ${name} COMMAND ${name} ${arg_CORPUS})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120)
  endif()
endfunction()
