/* repr.c - doubles as Python's repr writes them.
 *
 * Precisions are tried upwards until the decimal reads back: most numbers in requests have few digits.
 * SPDX-License-Identifier: MIT */
#include "format/repr.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* The n digits of the decimal next to |x|, rounded to nearest, and its exponent: |x| ~ 0.d1d2d3... * 10^*point. */
static void decimal_digits(double x, int n, char *digits, int *point)
{
    char text[40];
    int k = 0;
    const char *z = text;
    snprintf(text, sizeof text, "%.*e", n - 1, fabs(x));
    for (; *z && *z != 'e'; z++)
        if (*z >= '0' && *z <= '9')
            digits[k++] = *z;
    digits[k] = 0;
    int64_t exponent = 0;
    bool minus = z[1] == '-';
    str_to_i64(str_from(z + 2), &exponent);
    *point = (int)(minus ? -exponent : exponent) + 1;
}

static bool reads_back(const char *digits, int point, double x)
{
    char text[40];
    double y;
    snprintf(text, sizeof text, "0.%se%d", digits, point);
    return str_to_double(str_from(text), &y) && y == fabs(x);
}

static void increment(char *digits, int *point)
{
    size_t n = strlen(digits);
    while (n && digits[n - 1] == '9')
        digits[--n] = '0';
    if (n) {
        digits[n - 1]++;
    } else {
        digits[0] = '1';
        ++*point;
    }
}

/* Shortest digits that read back as x. The decimal nearest to x is tried first; at a power of two the gap above is twice the gap
 * below, and the next one up may read back where the nearest does not. */
static void shortest_digits(double x, char digits[20], int *point)
{
    int exponent;
    bool power_of_two = fabs(frexp(x, &exponent)) == 0.5;
    for (int n = 1; n <= 17; n++) {
        decimal_digits(x, n, digits, point);
        if (reads_back(digits, *point, x))
            return;
        if (power_of_two && n < 17) {
            increment(digits, point);
            if (reads_back(digits, *point, x))
                return;
        }
    }
}

void repr_double(struct buf *out, double x)
{
    char digits[20];
    int point; /* 1e-4 <= |x| < 1e16 is written without an exponent */
    if (isnan(x) || isinf(x)) {
        buf_z(out, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
        return;
    }
    if (signbit(x))
        buf_char(out, '-');
    if (x == 0) {
        buf_z(out, "0.0");
        return;
    }
    shortest_digits(x, digits, &point);
    int n = (int)strlen(digits);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (point < -3 || point > 16) {
        buf_printf(out, "%c%s%.*se%c%02d", digits[0], n > 1 ? "." : "", n - 1, digits + 1, point - 1 < 0 ? '-' : '+',
                   point - 1 < 0 ? 1 - point : point - 1);
    } else if (point <= 0) {
        buf_printf(out, "0.%.*s%.*s", -point, "000", n, digits);
    } else if (n <= point) {
        buf_printf(out, "%.*s%.*s.0", n, digits, point - n, "0000000000000000");
    } else {
        buf_printf(out, "%.*s.%.*s", point, digits, n - point, digits + point);
    }
}
