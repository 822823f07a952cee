# SPDX-License-Identifier: Apache-2.0

# The compile flags all targets share, and the three functions with which a folder declares itself.

add_library(caisson_flags INTERFACE)
target_include_directories(caisson_flags INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(caisson_flags INTERFACE
  _GNU_SOURCE CAISSON_VERSION="${PROJECT_VERSION}" BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
target_compile_options(caisson_flags INTERFACE
  -Wall -Wextra -Wshadow -Werror -fstack-protector-strong -fno-omit-frame-pointer -ffunction-sections -fdata-sections
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wrestrict: false alarms on std::string in g++ 12 (its bug 105651).
  target_compile_options(caisson_flags INTERFACE -fcoroutines -Wno-restrict)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(caisson_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
# -O3 makes it larger and the build longer, and nothing of ours faster.
if(CMAKE_CXX_FLAGS_RELEASE STREQUAL "-O3 -DNDEBUG")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "flags of the build type Release" FORCE)
endif()
# Build type "Sanitize": quick to compile, with line numbers. -O1 takes twice the time to compile.
set(CMAKE_CXX_FLAGS_SANITIZE "-O0 -g1" CACHE STRING "flags of the build type Sanitize")
if(CAISSON_SANITIZE)
  target_compile_options(caisson_flags INTERFACE -fsanitize=${CAISSON_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(caisson_flags INTERFACE -fsanitize=${CAISSON_SANITIZE})
endif()
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
target_link_libraries(caisson_flags INTERFACE Threads::Threads)

# What ./caisson and ./test build: everything a user runs, and everything ctest runs.
add_custom_target(programs)
add_custom_target(test_programs)
if(CAISSON_SANITIZE)
  set(caisson_test_kind asan)
else()
  set(caisson_test_kind unit)
endif()

# caisson_library(NAME SOURCES a.cc … LINKS caisson_base …): the static library of one folder.
function(caisson_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(caisson_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(caisson_${name} PUBLIC caisson_flags ${ARG_LINKS})
  # Without optimization the templates of shared headers are what costs, and clang-tidy has the same work: a library is one
  # compilation there. A release, where it saves next to nothing, compiles each source by itself, so that a missing include shows.
  if(CAISSON_SANITIZE)
    set_target_properties(caisson_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
endfunction()

# caisson_test(NAME SOURCES x_test.cc … LINKS …): one GoogleTest program of a folder, its cases found by ctest.
function(caisson_test name)
  if(NOT CAISSON_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES} $<TARGET_OBJECTS:caisson_skips_for_test>)
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest GTest::gmock GTest::gtest_main)
  # Half the time to compile. What they test keeps its own flags, but for what is inline in headers.
  target_compile_options(${name} PRIVATE -O0 -U_FORTIFY_SOURCE)
  # A third of the time again: file-local names are unique in a program, therefore. (g++ warns of types without linkage
  # only where they are not in the file that it was given.)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  gtest_discover_tests(${name} TEST_PREFIX "${caisson_test_kind}.${name}." DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS "${caisson_test_kind}" TIMEOUT 600)
  add_dependencies(test_programs ${name})
endfunction()

# caisson_fuzz(NAME SOURCES x_fuzz.cc LINKS …): a libFuzzer target; tests/corpus/NAME is its corpus, replayed by ctest.
function(caisson_fuzz name)
  if(NOT CAISSON_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(test_programs ${name})
  add_test(NAME fuzz_replay.${name}
           COMMAND ${name} -runs=0 "${PROJECT_SOURCE_DIR}/tests/corpus/${name}")
  set_tests_properties(fuzz_replay.${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()
