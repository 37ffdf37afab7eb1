/*
 * gl_time.c - times as RFC 3339 with three decimals and Z. Part of gl_json.h.
 *
 * The calendar is the proleptic Gregorian one; a year begins in March here, so that the leap day is its last.
 */
#include "proto/gl_json.h"

#define DAY_MS       INT64_C(86400000)
#define FIRST_MS     INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LAST_MS      INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DAYS_PER_ERA 146097                   /* 400 years */
#define EPOCH_DAY    719468                   /* 1970-01-01, counted from 0000-03-01 */

struct date {
    int year, month, day;
};

static int64_t days_from_date(struct date date)
{
    int year = date.month <= 2 ? date.year - 1 : date.year;
    int era = (year >= 0 ? year : year - 399) / 400;
    int year_of_era = year - era * 400;
    int month_from_march = (date.month + 9) % 12;
    int day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * DAYS_PER_ERA + day_of_era - EPOCH_DAY;
}

static struct date date_from_days(int64_t days)
{
    int64_t shifted = days + EPOCH_DAY;
    int64_t era = (shifted >= 0 ? shifted : shifted - DAYS_PER_ERA + 1) / DAYS_PER_ERA;
    int day_of_era = (int)(shifted - era * DAYS_PER_ERA);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * day_of_year + 2) / 153;
    int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct date){
        .year = (int)(year_of_era + era * 400) + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
}

static char *put_number(char *at, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

void gl_time_format(int64_t unix_ms, char text[GL_TIME_TEXT + 1])
{
    unix_ms = unix_ms < FIRST_MS ? FIRST_MS : unix_ms > LAST_MS ? LAST_MS : unix_ms;
    int64_t since_first = unix_ms - FIRST_MS; /* never negative, so / and % round the same way */
    int ms = (int)(since_first % DAY_MS);
    struct date date = date_from_days(since_first / DAY_MS + FIRST_MS / DAY_MS);
    text = put_number(text, date.year, 4);
    *text++ = '-';
    text = put_number(text, date.month, 2);
    *text++ = '-';
    text = put_number(text, date.day, 2);
    *text++ = 'T';
    text = put_number(text, ms / 3600000, 2);
    *text++ = ':';
    text = put_number(text, ms / 60000 % 60, 2);
    *text++ = ':';
    text = put_number(text, ms / 1000 % 60, 2);
    *text++ = '.';
    text = put_number(text, ms % 1000, 3);
    *text++ = 'Z';
    *text = '\0';
}

static int number_at(const char *at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        value = value * 10 + (at[i] - '0');
    }
    return value;
}

static bool has_shape(struct gl_slice text)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    if (text.len != GL_TIME_TEXT) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (shape[i] == '0' ? !is_digit : text.data[i] != shape[i]) {
            return false;
        }
    }
    return true;
}

bool gl_time_parse(struct gl_slice text, int64_t *unix_ms)
{
    *unix_ms = 0;
    if (!has_shape(text)) {
        return false;
    }
    struct date date = {number_at(text.data, 4), number_at(text.data + 5, 2), number_at(text.data + 8, 2)};
    int hour = number_at(text.data + 11, 2), minute = number_at(text.data + 14, 2), second = number_at(text.data + 17, 2);
    if (date.month < 1 || date.month > 12 || date.day < 1 || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    int64_t days = days_from_date(date);
    struct date same = date_from_days(days);
    if (same.month != date.month || same.day != date.day) { /* 31 April */
        return false;
    }
    *unix_ms = days * DAY_MS + (hour * 3600 + minute * 60 + second) * INT64_C(1000) + number_at(text.data + 20, 3);
    return true;
}
