/* answer.c - the bytes of an answer. Its headers are the same for all, unless the answer brings one of the same name. */
#include <strings.h>
#include <time.h>

#include "service/http/http.h"

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

static const struct {
    const char *name, *value;
} usual[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"X-Frame-Options", "DENY"},
    {"Content-Security-Policy",
     "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
};

static const char *phrase_of(unsigned status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Answer";
}

static bool brings(const char *headers, const char *name)
{
    for (size_t len = strlen(name); headers && *headers;) {
        if (strncasecmp(headers, name, len) == 0 && headers[len] == ':')
            return true;
        const char *end = strstr(headers, "\r\n");
        headers = end ? end + 2 : NULL;
    }
    return false;
}

/* Not strftime: its names of days depend on the locale. */
static void write_date(struct gl_buf *out, int64_t unix_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    gl_buf_printf(out, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n", days + 3 * tm.tm_wday, tm.tm_mday,
                  months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void http_write(struct gl_buf *out, const struct http_answer *answer, const struct http_form *form)
{
    bool has_body = answer->status != 204 && answer->status != 304;
    gl_buf_printf(out, "HTTP/1.1 %u %s\r\n", answer->status, phrase_of(answer->status));
    write_date(out, form->unix_ms);
    if (has_body)
        gl_buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                      answer->type ? answer->type : "text/plain; charset=utf-8", answer->body.len);
    gl_buf_str(out, "Connection: close\r\n");
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (!brings(answer->headers, usual[i].name))
            gl_buf_printf(out, "%s: %s\r\n", usual[i].name, usual[i].value);
    if (form->strict_transport)
        gl_buf_str(out, "Strict-Transport-Security: max-age=31536000\r\n");
    if (answer->headers)
        gl_buf_str(out, answer->headers);
    gl_buf_str(out, "\r\n");
    if (has_body && !form->head_only)
        gl_buf_slice(out, answer->body);
}
