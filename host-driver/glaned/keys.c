// SPDX-License-Identifier: Apache-2.0
// The keys of a context: one table for the configuration file and for the control protocol.
#include "config.h"
#include "gl_mbox.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type {
	TYPE_MAC,
	TYPE_U8,
	TYPE_U16,
	TYPE_U32,
	TYPE_U64,
	TYPE_BOOL,
	TYPE_NOT,
	TYPE_LINK,
	TYPE_VLAN,
	TYPE_VIDS,
	TYPE_FEATURES
};

static const struct key {
	const char *name;
	enum type type;
	size_t at; /* in struct gl_context_config */
	uint64_t least, most;
} keys[] = {
#define AT(field) offsetof(struct gl_context_config, field)
	{ "mac", TYPE_MAC, AT(mac), 0, 0 },
	{ "mtu", TYPE_U16, AT(mtu), 68, 9000 },
	{ "weight", TYPE_U8, AT(weight), 1, 255 },
	{ "link", TYPE_LINK, AT(link_down), 0, 0 },
	{ "queue_size", TYPE_U16, AT(queue_size), 2, 256 },
	{ "features", TYPE_FEATURES, AT(features), 0, 0 },
	{ "vlan", TYPE_VLAN, AT(vlan_mode), 0, 0 },
	{ "vid", TYPE_U16, AT(vid), 0, 4094 },
	{ "vids", TYPE_VIDS, AT(vid_count), 0, 0 },
	{ "untagged", TYPE_BOOL, AT(untagged), 0, 0 },
	{ "wire", TYPE_NOT, AT(no_wire), 0, 0 },
	{ "promiscuous", TYPE_BOOL, AT(promiscuous), 0, 0 },
	{ "any_source", TYPE_BOOL, AT(any_source), 0, 0 },
	{ "fallback", TYPE_BOOL, AT(fallback), 0, 0 },
	{ "tx_rate", TYPE_U64, AT(tx_rate), 0, 100000000000 },
	{ "rx_rate", TYPE_U64, AT(rx_rate), 0, 100000000000 },
	{ "flood_rate", TYPE_U64, AT(flood_rate), 0, 100000000000 },
	{ "tx_burst", TYPE_U32, AT(tx_burst), 0, (1 << 20) - 1 },
	{ "rx_burst", TYPE_U32, AT(rx_burst), 0, (1 << 20) - 1 },
	{ "flood_burst", TYPE_U32, AT(flood_burst), 0, (1 << 20) - 1 },
	{ "rx_share", TYPE_U8, AT(rx_share), 0, 64 },
#undef AT
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Bits that the firmware knows (gl_mbox.h). */
static const struct {
	const char *name;
	unsigned bit;
} features[] = {
	{ "mtu", GL_FEATURE_MTU },
	{ "mac", GL_FEATURE_MAC },
	{ "mrg_rxbuf", GL_FEATURE_MRG_RXBUF },
	{ "status", GL_FEATURE_STATUS },
	{ "indirect_desc", GL_FEATURE_INDIRECT_DESC },
	{ "event_idx", GL_FEATURE_EVENT_IDX },
	{ "version_1", GL_FEATURE_VERSION_1 },
	{ "access_platform", GL_FEATURE_ACCESS_PLATFORM },
	{ "ring_packed", GL_FEATURE_RING_PACKED },
	{ "in_order", GL_FEATURE_IN_ORDER },
	{ "order_platform", GL_FEATURE_ORDER_PLATFORM },
};
#define FEATURES (sizeof(features) / sizeof(features[0]))

static const char *const vlan_names[] = { "transparent", "access", "trunk" };

void mac_text(const uint8_t mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

bool mac_parse(const char *text, uint8_t mac[6])
{
	uint8_t octet[6];
	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < 6; i++) {
		const char *t = text + 3 * i;
		if (!isxdigit((unsigned char)t[0]) || !isxdigit((unsigned char)t[1]) ||
		    (i < 5 && t[2] != ':' && t[2] != '-'))
			return false;
		octet[i] = (uint8_t)strtoul((char[]){ t[0], t[1], 0 }, NULL, 16);
	}
	memcpy(mac, octet, 6);
	return true;
}

json_t *features_json(uint64_t bits)
{
	json_t *list = json_array();
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(bits >> bit & 1))
			continue;
		char name[32];
		snprintf(name, sizeof(name), "bit_%u", bit);
		for (size_t i = 0; i < FEATURES; i++)
			if (features[i].bit == bit)
				snprintf(name, sizeof(name), "%s", features[i].name);
		json_array_append_new(list, json_string(name));
	}
	return list;
}

static int features_parse(const json_t *list, uint64_t *bits, const char **wrong)
{
	size_t i;
	json_t *item;
	*wrong = "it";
	if (!json_is_array(list))
		return -EINVAL;
	*bits = 0;
	json_array_foreach((json_t *)list, i, item)
	{
		const char *name = json_string_value(item);
		unsigned bit = 64, n;
		char end;
		if (!name)
			return -EINVAL;
		for (size_t f = 0; f < FEATURES; f++)
			if (!strcmp(name, features[f].name))
				bit = features[f].bit;
		if (bit == 64 && sscanf(name, "bit_%2u%c", &n, &end) == 1 && n < 64)
			bit = n;
		*wrong = name;
		if (bit == 64)
			return -EINVAL;
		*bits |= 1ull << bit;
	}
	return 0;
}

static int refuse(char *error, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char *error, size_t room, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error, room, format, args);
	va_end(args);
	return -EINVAL;
}

static const struct key *find(const char *name)
{
	for (size_t i = 0; i < KEYS; i++)
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

void context_config_default(struct context_config *c)
{
	*c = (struct context_config){ .gl = { .mtu = 1500, .weight = 16, .queue_size = 256 } };
}

const struct gl_context_config *context_config_gl(struct context_config *c)
{
	c->gl.vids = c->vids;
	return &c->gl;
}

int context_config_set(struct context_config *c, const char *name, const json_t *value, char *error,
		       size_t room)
{
	const struct key *key = find(name);
	if (!key)
		return -ENOENT;
	void *at = (char *)&c->gl + key->at;
	const char *word = json_string_value(value), *wrong;
	uint64_t number = 0;
	switch (key->type) {
	case TYPE_U8:
	case TYPE_U16:
	case TYPE_U32:
	case TYPE_U64:
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		    (uint64_t)json_integer_value(value) < key->least ||
		    (uint64_t)json_integer_value(value) > key->most)
			return refuse(error, room, "%s is a whole number from %llu to %llu", name,
				      (unsigned long long)key->least,
				      (unsigned long long)key->most);
		number = (uint64_t)json_integer_value(value);
		break;
	case TYPE_BOOL:
	case TYPE_NOT:
		if (!json_is_boolean(value))
			return refuse(error, room, "%s is true or false", name);
		break;
	default:
		break;
	}
	switch (key->type) {
	case TYPE_MAC: {
		uint8_t mac[6];
		if (!word || !mac_parse(word, mac))
			return refuse(error, room,
				      "%s is an address such as 02:00:00:00:00:01%s%s%s", name,
				      word ? ", not \"" : "", word ? word : "", word ? "\"" : "");
		if (mac[0] & 1)
			return refuse(error, room, "%s \"%s\" is a group address", name, word);
		if (!memcmp(mac, (uint8_t[6]){ 0 }, 6))
			return refuse(error, room, "%s \"%s\" is the null address", name, word);
		memcpy(at, mac, 6);
		c->mac_given = true;
		break;
	}
	case TYPE_U8:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case TYPE_U16:
		if (key->at == offsetof(struct gl_context_config, queue_size) &&
		    (number & (number - 1)))
			return refuse(error, room, "%s %llu is not a power of two", name,
				      (unsigned long long)number);
		*(uint16_t *)at = (uint16_t)number;
		break;
	case TYPE_U32:
		*(uint32_t *)at = (uint32_t)number;
		break;
	case TYPE_U64:
		*(uint64_t *)at = number;
		break;
	case TYPE_BOOL:
		*(bool *)at = json_is_true(value);
		break;
	case TYPE_NOT:
		*(bool *)at = !json_is_true(value);
		break;
	case TYPE_LINK:
		if (!word || (strcmp(word, "up") && strcmp(word, "down")))
			return refuse(error, room, "%s is \"up\" or \"down\"%s%s", name,
				      word ? ", not " : "", word ? word : "");
		*(uint8_t *)at = !strcmp(word, "down");
		break;
	case TYPE_VLAN:
		for (unsigned i = 0; i < 3; i++) {
			if (word && !strcmp(word, vlan_names[i])) {
				c->gl.vlan_mode = (enum gl_vlan_mode)i;
				return 0;
			}
		}
		return refuse(error, room, "%s is \"transparent\", \"access\" or \"trunk\"%s%s",
			      name, word ? ", not " : "", word ? word : "");
	case TYPE_VIDS: {
		size_t i, count = json_array_size(value);
		json_t *item;
		uint16_t vids[VIDS_MAX];
		if (!json_is_array(value) || count > VIDS_MAX)
			return refuse(error, room, "%s is a list of at most %d VLAN identifiers",
				      name, VIDS_MAX);
		json_array_foreach((json_t *)value, i, item)
		{
			json_int_t vid = json_integer_value(item);
			if (!json_is_integer(item) || vid < 1 || vid > 4094)
				return refuse(error, room, "each of %s is from 1 to 4094", name);
			for (size_t j = 0; j < i; j++)
				if (vids[j] == vid)
					return refuse(error, room, "%s names %d twice", name,
						      (int)vid);
			vids[i] = (uint16_t)vid;
		}
		memcpy(c->vids, vids, count * sizeof(vids[0]));
		c->gl.vid_count = count;
		break;
	}
	case TYPE_FEATURES:
		if (features_parse(value, &c->gl.features, &wrong))
			return refuse(
				error, room,
				"%s is a list of names such as \"ring_packed\"; \"%s\" is not one",
				name, wrong);
		break;
	}
	return 0;
}

int context_config_check(const struct context_config *c, char *error, size_t room)
{
	if (c->gl.vlan_mode == GL_VLAN_ACCESS && !c->gl.vid)
		return refuse(error, room, "vlan \"access\" needs a vid from 1 to 4094");
	if (c->gl.vlan_mode == GL_VLAN_TRUNK && !c->gl.vid_count && !c->gl.untagged)
		return refuse(error, room, "vlan \"trunk\" needs vids, or untagged");
	if (c->gl.vlan_mode != GL_VLAN_TRUNK && c->gl.vid_count)
		return refuse(error, room, "vids belong to vlan \"trunk\"");
	static const char *const limits[] = { "tx", "rx", "flood" };
	const uint64_t rate[] = { c->gl.tx_rate, c->gl.rx_rate, c->gl.flood_rate };
	const uint32_t burst[] = { c->gl.tx_burst, c->gl.rx_burst, c->gl.flood_burst };
	for (int i = 0; i < 3; i++)
		if (burst[i] && !rate[i])
			return refuse(error, room, "%s_burst needs a %s_rate", limits[i],
				      limits[i]);
	return 0;
}

json_t *context_config_json(const struct context_config *c)
{
	json_t *object = json_object();
	for (size_t i = 0; i < KEYS; i++) {
		const void *at = (const char *)&c->gl + keys[i].at;
		json_t *value = NULL;
		char mac[18];
		switch (keys[i].type) {
		case TYPE_MAC:
			mac_text(at, mac);
			value = json_string(mac);
			break;
		case TYPE_U8:
			value = json_integer(*(const uint8_t *)at);
			break;
		case TYPE_U16:
			value = json_integer(*(const uint16_t *)at);
			break;
		case TYPE_U32:
			value = json_integer(*(const uint32_t *)at);
			break;
		case TYPE_U64:
			value = json_integer((json_int_t) * (const uint64_t *)at);
			break;
		case TYPE_BOOL:
			value = json_boolean(*(const bool *)at);
			break;
		case TYPE_NOT:
			value = json_boolean(!*(const bool *)at);
			break;
		case TYPE_LINK:
			value = json_string(*(const uint8_t *)at ? "down" : "up");
			break;
		case TYPE_VLAN:
			value = json_string(vlan_names[c->gl.vlan_mode]);
			break;
		case TYPE_VIDS:
			value = json_array();
			for (size_t v = 0; v < c->gl.vid_count; v++)
				json_array_append_new(value, json_integer(c->vids[v]));
			break;
		case TYPE_FEATURES:
			value = features_json(c->gl.features);
			break;
		}
		json_object_set_new(object, keys[i].name, value);
	}
	return object;
}

/* "1500", "10M", "2.5G": decimal multiples. */
static json_t *number_value(const char *text)
{
	char *end;
	errno = 0;
	if (!isdigit((unsigned char)*text))
		return NULL;
	double value = strtod(text, &end);
	double factor = *end == 'k' || *end == 'K' ? 1e3
			: *end == 'M'		   ? 1e6
			: *end == 'G'		   ? 1e9
						   : 1;
	if (factor != 1)
		end++;
	value *= factor;
	if (errno || *end || value > 1e15 || value != (double)(json_int_t)value)
		return NULL;
	return json_integer((json_int_t)value);
}

static json_t *bool_value(const char *text)
{
	static const char *const yes[] = { "yes", "on", "true", "1" }, *const no[] = { "no", "off",
										       "false",
										       "0" };
	for (size_t i = 0; i < 4; i++) {
		if (!strcmp(text, yes[i]))
			return json_true();
		if (!strcmp(text, no[i]))
			return json_false();
	}
	return NULL;
}

/* Words between commas or blanks. */
static json_t *list_value(const char *text, bool numbers)
{
	json_t *list = json_array();
	char *copy = strdup(text), *rest = copy, *word;
	while (copy && (word = strtok_r(rest, ", \t", &rest))) {
		json_t *item = numbers ? number_value(word) : json_string(word);
		if (!item) {
			json_decref(list);
			list = NULL;
			break;
		}
		json_array_append_new(list, item);
	}
	free(copy);
	return list;
}

int context_config_set_text(struct context_config *c, const char *name, const char *text,
			    char *error, size_t room)
{
	char with_underscores[32];
	size_t n = 0;
	for (; name[n] && n < sizeof(with_underscores) - 1; n++)
		with_underscores[n] = name[n] == '-' ? '_' : name[n];
	with_underscores[n] = 0;
	const struct key *key = name[n] ? NULL : find(with_underscores);
	if (!key)
		return -ENOENT;
	json_t *value = NULL;
	switch (key->type) {
	case TYPE_U8:
	case TYPE_U16:
	case TYPE_U32:
	case TYPE_U64:
		value = number_value(text);
		if (!value)
			return refuse(error, room,
				      "%s is a whole number from %llu to %llu, not \"%s\"", name,
				      (unsigned long long)key->least, (unsigned long long)key->most,
				      text);
		break;
	case TYPE_BOOL:
	case TYPE_NOT:
		value = bool_value(text);
		if (!value)
			return refuse(error, room, "%s is \"yes\" or \"no\", not \"%s\"", name,
				      text);
		break;
	case TYPE_VIDS:
		value = list_value(text, true);
		if (!value)
			return refuse(error, room, "%s is a list of numbers, not \"%s\"", name,
				      text);
		break;
	case TYPE_FEATURES:
		value = list_value(text, false);
		break;
	default:
		value = json_string(text);
		if (!value)
			return refuse(error, room, "%s is not UTF-8", name);
	}
	int bad = context_config_set(c, with_underscores, value, error, room);
	json_decref(value);
	if (bad == -EINVAL && !strstr(error, text)) {
		size_t used = strlen(error);
		snprintf(error + used, room - used, ", not \"%s\"", text);
	}
	return bad;
}
