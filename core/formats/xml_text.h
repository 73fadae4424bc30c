/*
 * Text from outside in XML: shown as it is, never read as markup.
 */
#ifndef PROFTOP_CORE_FORMATS_XML_TEXT_H
#define PROFTOP_CORE_FORMATS_XML_TEXT_H

#include <glib.h>

enum { XML_TEXT_MAX = 300 }; /* columns of one text; a longer one is cut and ends in "…" */
enum { XML_LABEL_MIN = 3 };  /* a label with less room would say nothing */

/* Appends a text, whatever bytes it holds, cleaned (core/base/text.h), cut and escaped: as content
 * or in a quoted attribute it is only itself. Context: any thread. */
void xml_text_append(GString *out, const char *text);

/* Appends as much of the text as fits into so many columns, ending in "…" when that is not all of
 * it; nothing in less than XML_LABEL_MIN columns. Context: any thread. */
void xml_text_append_label(GString *out, const char *text, int columns);

#endif
