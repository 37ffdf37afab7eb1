# libraries.cmake - the libraries that Debian packages, each as one target:
#   Gloss::openssl Gloss::uv Gloss::zlib Gloss::deflate Gloss::pq Gloss::jansson Gloss::utf8proc, and Gloss::check for tests.
# Only the rooms that need them (service/README.md) link Gloss::pq (service/store) and Gloss::lws (service/net, clients/lib).

find_package(PkgConfig REQUIRED)

function(gloss_library name module)
    string(TOUPPER GLOSS_${name} prefix)
    pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET GLOBAL QUIET ${module})
    message(STATUS "${name} ${${prefix}_VERSION}")
    add_library(Gloss::${name} ALIAS PkgConfig::${prefix})
endfunction()

gloss_library(openssl "openssl>=3.0")
gloss_library(uv "libuv>=1.40")
gloss_library(zlib "zlib>=1.2")
gloss_library(deflate "libdeflate>=1.14")
gloss_library(pq "libpq>=15")
gloss_library(jansson "jansson>=2.14")
gloss_library(utf8proc "libutf8proc>=2.5")
if(GLOSS_TESTS)
    gloss_library(check "check>=0.15")
endif()
