/*
 * pages.h - the few files that are compiled in: a start page, its style, the description of the protocol.
 *
 * Owns      the start page with this server's version in it. The rest is constant.
 * Thread    the loop thread.
 * Errors    none.
 */
#ifndef PAGES_H
#define PAGES_H

#include "service/http/http.h"

struct http_pages;
struct http_pages *pages_new(const char *server_version);
void pages_free(struct http_pages **pages);
const char *pages_path(size_t index); /* NULL behind the last */
void pages_answer(struct http_pages *pages, struct http_call *call);

#endif
