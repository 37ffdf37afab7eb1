# packages.cmake - Debian packages of what is installed:   cmake --preset package -B DIR && cmake --build DIR && cpack --config DIR/CPackConfig.cmake -B DIR/packages
#
#   gloss-server    glossd, its units, settings, user (component server)
#   gloss           the program for the command line (client)
#   libgloss0, libgloss-dev                          (library, development)
#
# What they depend on is read from the programs (dpkg-shlibdeps). libwebsockets is in them, from Debian 13's source (service/deps/libwebsockets): nothing to depend
# on, and its security updates come with a new version of Gloss. Built on the release that they are for, whose number is in the version.

set(GLOSS_MAINTAINER "The Gloss authors <maintainers@gloss.invalid>" CACHE STRING "Whom the packages name")
set(here ${CMAKE_CURRENT_LIST_DIR})
set(out ${CMAKE_BINARY_DIR}/packages-files)
file(STRINGS /etc/os-release release REGEX "^VERSION_ID=")
string(REGEX REPLACE "[^0-9.]" "" release "${release}")

# ---- what only packages have
install(FILES ${here}/gloss-certificate.8 DESTINATION share/man/man8 COMPONENT server)
install(FILES ${CMAKE_SOURCE_DIR}/docker/alerts.yaml ${CMAKE_SOURCE_DIR}/docker/grafana.json DESTINATION share/doc/gloss-server/examples COMPONENT server)
install(FILES ${here}/README.Debian DESTINATION share/doc/gloss-server COMPONENT server)
install(FILES ${CMAKE_SOURCE_DIR}/docker/README.md DESTINATION share/doc/gloss-server RENAME handbook.md COMPONENT server)
install(FILES ${CMAKE_SOURCE_DIR}/docker/recovery.md ${CMAKE_SOURCE_DIR}/docker/metrics.md ${CMAKE_SOURCE_DIR}/docker/events.md DESTINATION share/doc/gloss-server COMPONENT server)
install(FILES ${here}/gloss.conf DESTINATION /etc/gloss COMPONENT server)
set(units ${CMAKE_SOURCE_DIR}/docker/systemd)
install(FILES ${units}/gloss.service ${units}/gloss.socket ${units}/gloss-certificate.service ${units}/gloss-certificate.timer DESTINATION lib/systemd/system COMPONENT server)
install(FILES ${here}/sysusers.conf DESTINATION lib/sysusers.d RENAME gloss.conf COMPONENT server)
install(FILES ${here}/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME gloss.conf COMPONENT server)
install(FILES ${here}/glossd.bash DESTINATION share/bash-completion/completions RENAME glossd COMPONENT server)
install(PROGRAMS ${CMAKE_SOURCE_DIR}/service/deps/certificate DESTINATION bin RENAME gloss-certificate COMPONENT server)

# ---- what every package has
set(version ${PROJECT_VERSION}-1~deb${release})
function(gloss_package component name)
    string(TOUPPER ${component} upper)
    cmake_parse_arguments(PARSE_ARGV 2 package "" "TEXT;SECTION;DEPENDS;RECOMMENDS;SUGGESTS" "")
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${package_SECTION} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS ${package_DEPENDS} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_RECOMMENDS ${package_RECOMMENDS} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_SUGGESTS ${package_SUGGESTS} PARENT_SCOPE)
    set(CPACK_COMPONENT_${upper}_DESCRIPTION "${package_TEXT}" PARENT_SCOPE)
    install(FILES ${here}/copyright DESTINATION share/doc/${name} COMPONENT ${component})
    configure_file(${here}/changelog.in ${out}/${name}/changelog.Debian @ONLY)
    configure_file(${CMAKE_SOURCE_DIR}/CHANGELOG.md ${out}/${name}/changelog COPYONLY)
    install(FILES ${out}/${name}/changelog.Debian ${out}/${name}/changelog DESTINATION share/doc/${name} COMPONENT ${component})
    if(EXISTS ${here}/overrides/${name})
        install(FILES ${here}/overrides/${name} DESTINATION share/lintian/overrides COMPONENT ${component})
    endif()
endfunction()

gloss_package(server gloss-server SECTION net
    DEPENDS "adduser, openssl, ca-certificates, init-system-helpers (>= 1.54~)" RECOMMENDS "postgresql (>= 15)" SUGGESTS "gloss"
    TEXT "People and programs mark up texts together. Every change is durable in\nPostgreSQL before anybody sees it, ordered, and never done twice.\n.\nThis package has the server glossd, its systemd units and its settings.")
gloss_package(client gloss SECTION text
    TEXT "Reads texts on a Gloss server and marks them up, for people and, with\nJSON, for scripts. What is done offline is sent later.")
gloss_package(library libgloss0 SECTION libs
    TEXT "Programs read and mark up texts on a Gloss server with it; it resumes\nafter a lost connection with nothing lost and nothing done twice.\n.\nThis package has the shared library.")
if(release GREATER_EQUAL 13)
    set(static ", libzstd-dev") # what libcrypto.a there is linked with, and libssl-dev does not bring
endif()
gloss_package(development libgloss-dev SECTION libdevel
    DEPENDS "libjansson-dev, libuv1-dev, libssl-dev, zlib1g-dev, libutf8proc-dev${static}"
    TEXT "Programs read and mark up texts on a Gloss server with libgloss.\n.\nThis package has the header, the static library and the manual pages.")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gloss)
set(CPACK_PACKAGE_CONTACT "${GLOSS_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_RELEASE 1~deb${release})
set(CPACK_DEBIAN_PACKAGE_SOURCE gloss)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA ${here}/server/postinst ${here}/server/prerm ${here}/server/postrm ${here}/server/conffiles)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${here}/library/triggers)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL server client library development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS library) # of the same version
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON) # /etc/gloss is not below /usr
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PRE_BUILD_SCRIPTS ${here}/finish.cmake)
include(CPack)
