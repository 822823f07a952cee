# SPDX-License-Identifier: Apache-2.0

# What an installation holds, and the Debian package.
#
# Every executable of src/ whose name begins with caisson is a program: `caisson` goes to bin/, the programs that it starts
# itself to libexec/caisson/ (base/install.h finds them there). The benchmark and the tests' programs stay in the build tree.

function(caisson_executables out)
  set(found)
  get_property(folders DIRECTORY "${PROJECT_SOURCE_DIR}" PROPERTY SUBDIRECTORIES)
  while(folders)
    list(POP_FRONT folders folder)
    get_property(below DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
    list(APPEND folders ${below})
    get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target IN LISTS targets)
      get_target_property(type ${target} TYPE)
      if(type STREQUAL "EXECUTABLE" AND target MATCHES "^caisson" AND NOT target MATCHES "-bench$")
        list(APPEND found ${target})
      endif()
    endforeach()
  endwhile()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

caisson_executables(executables)
foreach(executable IN LISTS executables)
  add_dependencies(programs ${executable})
  if(executable STREQUAL "caisson")
    install(TARGETS caisson RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  else()
    install(TARGETS ${executable} RUNTIME DESTINATION libexec/caisson)
  endif()
endforeach()

if(TARGET caisson)
  # What the shells complete is what the command line says of itself.
  set(completions "${CMAKE_BINARY_DIR}/completions")
  set(completion_files)
  foreach(shell bash zsh fish)
    add_custom_command(
      OUTPUT "${completions}/${shell}"
      COMMAND "${CMAKE_COMMAND}" -E make_directory "${completions}"
      COMMAND caisson completion ${shell} > "${completions}/${shell}"
      DEPENDS caisson VERBATIM)
    list(APPEND completion_files "${completions}/${shell}")
  endforeach()
  if(NOT CAISSON_SANITIZE)
    add_custom_target(completions ALL DEPENDS ${completion_files})
  endif()
  install(FILES "${completions}/bash" RENAME caisson DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
  install(FILES "${completions}/zsh" RENAME _caisson DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions")
  install(FILES "${completions}/fish" RENAME caisson.fish DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
endif()

install(FILES README.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES LICENSE RENAME copyright DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs" FILES_MATCHING PATTERN "*.md")

# The run section of scripts/packages.txt is the package's dependencies; libraries are added by dpkg-shlibdeps.
file(STRINGS "${PROJECT_SOURCE_DIR}/scripts/packages.txt" package_lines)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/scripts/packages.txt")
set(section)
set(depends)
foreach(line IN LISTS package_lines)
  if(line MATCHES "^\\[(.*)\\]$")
    set(section ${CMAKE_MATCH_1})
  elseif(section STREQUAL "run" AND line MATCHES "^[a-z0-9]")
    list(APPEND depends ${line})
  endif()
endforeach()
list(JOIN depends ", " depends)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "Caisson")
set(CPACK_PACKAGE_CONTACT "The Caisson authors <caisson@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "Runs a command or an AI agent in a sandbox with its own Linux kernel and its own Docker Engine.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "${depends}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# secret-tool: the Secret Service, where there is a session with one.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libsecret-tools")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
include(CPack)
