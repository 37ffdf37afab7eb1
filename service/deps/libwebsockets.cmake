# libwebsockets.cmake - gives the target Gloss::lws.
#
# The library is built from Debian 13's patched source at configure time, once, and kept outside the build folder
# (libwebsockets/get). GLOSS_PACKAGED_LWS=ON takes the distribution's instead; that is for Debian 13, whose package is the
# same source, and needs libwebsockets-dev and libwebsockets-evlib-uv.

option(GLOSS_PACKAGED_LWS "Link the distribution's libwebsockets (4.3.5 or newer) instead of building it" OFF)

find_package(Threads REQUIRED)
if(GLOSS_PACKAGED_LWS)
    pkg_check_modules(LWS REQUIRED IMPORTED_TARGET GLOBAL libwebsockets>=4.3.5)
    add_library(Gloss::lws ALIAS PkgConfig::LWS)
    return()
endif()

# The static library carries the same sanitizer as what it is linked into: reports are exact inside it, too.
if(GLOSS_SANITIZE STREQUAL "address")
    set(variant asan)
elseif(GLOSS_SANITIZE STREQUAL "thread")
    set(variant tsan)
elseif(GLOSS_SANITIZE STREQUAL "fuzzer")
    set(variant fuzz)
else()
    set(variant release)
endif()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    ${CMAKE_CURRENT_LIST_DIR}/libwebsockets/version ${CMAKE_CURRENT_LIST_DIR}/libwebsockets/fetch
    ${CMAKE_CURRENT_LIST_DIR}/libwebsockets/build ${CMAKE_CURRENT_LIST_DIR}/libwebsockets/get)
execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/libwebsockets/get ${variant}
    OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed)
    message(FATAL_ERROR "libwebsockets could not be made ready; the reason stands above")
endif()
file(READ ${prefix}/version version)
string(STRIP "${version}" version)
message(STATUS "libwebsockets ${version} (${variant})")

add_library(Gloss::lws STATIC IMPORTED GLOBAL)
set_target_properties(Gloss::lws PROPERTIES
    IMPORTED_LOCATION ${prefix}/lib/libwebsockets.a
    INTERFACE_INCLUDE_DIRECTORIES ${prefix}/include) # imported: a system folder, so its headers give no warnings
target_link_libraries(Gloss::lws INTERFACE Gloss::openssl Gloss::uv Gloss::zlib Threads::Threads)
