// SPDX-License-Identifier: Apache-2.0
// --help and the completion scripts, both made of the list of commands and options.
#include "glanectl.h"
#include "text.h"

#include <string.h>

#define WIDTH 80

/* "-w, --write FILE": what stands left of an option's text. */
static void option_head(char *text, size_t room, const struct option_spec *o)
{
	char letter[8] = "";
	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(text, room, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
		 o->value ? o->value : "");
}

static void item(FILE *out, const char *head, unsigned indent, const char *text)
{
	unsigned column = (unsigned)fprintf(out, "  %s", head);
	if (column + 2 > indent) {
		fprintf(out, "\n");
		column = 0;
	}
	fprintf(out, "%*s", (int)(indent - column), "");
	print_wrapped(out, text, indent, indent, WIDTH);
}

static void option_list(FILE *out, const struct option_spec *list)
{
	char head[80];
	for (; list && list->name; list++) {
		option_head(head, sizeof(head), list);
		item(out, head, 24, list->help);
	}
}

void help_program(FILE *out)
{
	char head[80];
	fputs("usage: glanectl [OPTION]... COMMAND [OPTION]... [OPERAND]\n\n"
	      "Shows and changes what glaned, the daemon of a Guestlane NIC, does.\n"
	      "`glanectl COMMAND --help` tells more of a command.\n\nCommands:\n",
	      out);
	for (const struct command_spec *c = command_table; c->name; c++) {
		snprintf(head, sizeof(head), "%s%s%s", c->name, c->operand ? " " : "",
			 c->operand ? c->operand : "");
		item(out, head, 28, c->summary);
	}
	fputs("\nOptions of every command:\n", out);
	option_list(out, global_options);
	fputs("\nColours on terminals only, and not if NO_COLOR is set.\n"
	      "Exit status: 0 done, 1 refused or failed, 2 wrong command line, 3 no daemon.\n",
	      out);
}

void help_command(FILE *out, const struct command_spec *c)
{
	bool any = false;
	for (unsigned i = 0; i < 2; i++)
		any = any || c->options[i];
	fprintf(out, "usage: glanectl %s%s%s%s\n\n", c->name, any ? " [OPTION]..." : "",
		c->operand ? " " : "", c->operand ? c->operand : "");
	fprintf(out, "%c", c->summary[0] >= 'a' ? c->summary[0] - 'a' + 'A' : c->summary[0]);
	char text[400];
	snprintf(text, sizeof(text), "%s.", c->summary + 1);
	print_wrapped(out, text, 1, 0, WIDTH);
	if (c->text) {
		char line[600];
		for (const char *p = c->text; *p;) {
			size_t n = strcspn(p, "\n");
			snprintf(line, sizeof(line), "%.*s", (int)n, p);
			if (!strncmp(line, "glanectl ", 9) || !strncmp(line, "source ", 7)) {
				fprintf(out, "\n    %s\n", line);
				if (p[n])
					fprintf(out, "\n");
			} else {
				print_wrapped(out, line, 0, 0, WIDTH);
			}
			p += n + !!p[n];
		}
	}
	if (any) {
		fputs("\nOptions:\n", out);
		option_list(out, c->options[0]);
		option_list(out, c->options[1]);
	}
	fputs("\nOptions of every command:\n", out);
	option_list(out, global_options);
	fputs("\nExit status: 0 done, 1 refused or failed, 2 wrong command line, 3 no daemon.\n",
	      out);
}

/* --- Completion --- */

/* What may follow an option or stand as an operand: words, "FILE", or nothing known. */
static const char *completes(const struct option_spec *o)
{
	switch (o->kind) {
	case OPT_WORD:
	case OPT_WORDS:
		return o->words;
	case OPT_BOOL:
		return "yes no";
	case OPT_FEATURES:
		return feature_words;
	case OPT_FILE:
		return "FILE";
	default:
		return "";
	}
}

static const char *operand_completes(const struct command_spec *c)
{
	if (!c->operand)
		return "";
	if (!strcmp(c->operand, "SHELL"))
		return "bash zsh";
	if (!strcmp(c->operand, "FILE"))
		return "FILE";
	return strstr(c->operand, "CONTEXT") ? "CONTEXT" : "";
}

static void option_names(FILE *out, const struct option_spec *list)
{
	for (; list && list->name; list++)
		fprintf(out, " --%s", list->name);
}

/* First words of commands, each once. */
static void first_words(FILE *out)
{
	const char *last = "";
	for (const struct command_spec *c = command_table; c->name; c++) {
		size_t n = strcspn(c->name, " ");
		if (strncmp(last, c->name, n) || last[n] != ' ')
			fprintf(out, " %.*s", (int)n, c->name);
		last = c->name;
	}
}

static void bash_values(FILE *out, const struct option_spec *list, const char *command)
{
	for (; list && list->name; list++) {
		if (list->kind == OPT_FLAG)
			continue;
		const char *words = completes(list);
		fprintf(out, "\t'%s --%s'", command, list->name);
		if (list->letter)
			fprintf(out, " | '%s -%c'", command, list->letter);
		if (!strcmp(words, "FILE"))
			fprintf(out, ") _glanectl_files ;;\n");
		else if (list->kind == OPT_WORDS || list->kind == OPT_FEATURES)
			fprintf(out, ") _glanectl_list '%s' ;;\n", words);
		else
			fprintf(out, ") _glanectl_words '%s' ;;\n", words);
	}
}

static void bash_completion(FILE *out)
{
	fputs("# bash completion for glanectl, made by `glanectl completion bash`.\n\n"
	      "_glanectl_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
	      "_glanectl_files() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "
	      "\"$cur\"); }\n"
	      "# Words with commas between them: completes the last one.\n"
	      "_glanectl_list() {\n"
	      "\tlocal before=\n"
	      "\t[[ $cur == *,* ]] && before=${cur%,*},\n"
	      "\tcompopt -o nospace\n"
	      "\tmapfile -t COMPREPLY < <(compgen -P \"$before\" -W \"$1\" -- \"${cur##*,}\")\n"
	      "}\n"
	      "# Contexts that there are, as the daemon says.\n"
	      "_glanectl_contexts() {\n"
	      "\t_glanectl_words \"$(\"$program\" \"${socket[@]}\" show --json 2>/dev/null | sed "
	      "-n "
	      "'s/^ *\"context\": \\([0-9]*\\).*/\\1/p')\"\n"
	      "}\n\n"
	      "_glanectl() {\n"
	      "\tlocal program=$1 cur=$2 prev=$3 command= words= socket=() i\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t--socket) socket=(--socket \"${COMP_WORDS[i + 1]}\"); ((i++)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*)\n"
	      "\t\t\tcase $command in\n",
	      out);
	/* A command is whole when its last word has come. */
	fputs("\t\t\t''", out);
	const char *last = "";
	for (const struct command_spec *c = command_table; c->name; c++) {
		size_t n = strcspn(c->name, " ");
		if (c->name[n] && (strncmp(last, c->name, n) || last[n] != ' '))
			fprintf(out, " | %.*s", (int)n, c->name);
		last = c->name;
	}
	fputs(") command=${command:+$command }${COMP_WORDS[i]} ;;\n"
	      "\t\t\tesac ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase \"$command $prev\" in\n",
	      out);
	/* Global options have the same values everywhere. */
	for (const struct option_spec *o = global_options; o->name; o++) {
		if (o->kind == OPT_FLAG)
			continue;
		fprintf(out, "\t*' --%s') %s ; return ;;\n", o->name,
			o->kind == OPT_FILE ? "_glanectl_files" : ":");
	}
	for (const struct command_spec *c = command_table; c->name; c++) {
		for (unsigned i = 0; i < 2; i++)
			bash_values(out, c->options[i], c->name);
	}
	fputs("\t*)\n\t\tcase $command in\n\t\t'') words='", out);
	option_names(out, global_options);
	first_words(out);
	fputs("' ;;\n", out);
	last = "";
	for (const struct command_spec *c = command_table; c->name; c++) {
		size_t n = strcspn(c->name, " ");
		if (c->name[n] && (strncmp(last, c->name, n) || last[n] != ' ')) {
			fprintf(out, "\t\t%.*s) words='", (int)n, c->name);
			for (const struct command_spec *d = c; d->name; d++) {
				if (!strncmp(d->name, c->name, n + 1))
					fprintf(out, "%s%s", d == c ? "" : " ", d->name + n + 1);
			}
			fputs("' ;;\n", out);
		}
		last = c->name;
		fprintf(out, "\t\t'%s') words='", c->name);
		option_names(out, global_options);
		option_names(out, c->options[0]);
		option_names(out, c->options[1]);
		fputs("' ;;\n", out);
	}
	fputs("\t\tesac\n"
	      "\t\tif [[ $cur == -* ]]; then\n"
	      "\t\t\t_glanectl_words \"$words\"\n"
	      "\t\t\treturn\n"
	      "\t\tfi\n"
	      "\t\tcase $command in\n",
	      out);
	for (const struct command_spec *c = command_table; c->name; c++) {
		const char *words = operand_completes(c);
		if (!*words)
			continue;
		fprintf(out, "\t\t'%s') ", c->name);
		if (!strcmp(words, "FILE"))
			fputs("_glanectl_files ;;\n", out);
		else if (!strcmp(words, "CONTEXT"))
			fputs("_glanectl_contexts ;;\n", out);
		else
			fprintf(out, "_glanectl_words '%s' ;;\n", words);
	}
	fputs("\t\t'' | *)\n"
	      "\t\t\t[[ $words == *[a-z]* ]] && _glanectl_words \"$(printf '%s\\n' $words | grep "
	      "-v ^-)\"\n"
	      "\t\t\t[[ ${#COMPREPLY[@]} -gt 0 ]] || _glanectl_words \"$words\" ;;\n"
	      "\t\tesac ;;\n"
	      "\tesac\n"
	      "}\n"
	      "complete -F _glanectl glanectl\n",
	      out);
}

/* Text inside single quotes and brackets of _arguments. */
static void zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else if (strchr("[]:\\", *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void zsh_options(FILE *out, const struct option_spec *list)
{
	for (; list && list->name; list++) {
		fprintf(out, "\t\t\t'--%s%s[", list->name, list->kind == OPT_FLAG ? "" : "=");
		zsh_text(out, list->help);
		fputs("]", out);
		if (list->kind != OPT_FLAG) {
			const char *words = completes(list);
			fprintf(out, ":%s:", list->value);
			if (!strcmp(words, "FILE"))
				fputs("_files", out);
			else if (*words && (list->kind == OPT_WORDS || list->kind == OPT_FEATURES))
				fprintf(out, "_values -s , %s %s", list->value, words);
			else if (*words)
				fprintf(out, "(%s)", words);
		}
		fputs("' \\\n", out);
		if (list->letter) {
			fprintf(out, "\t\t\t'-%c[", list->letter);
			zsh_text(out, list->help);
			fputs("]", out);
			if (list->kind != OPT_FLAG)
				fprintf(out, ":%s:%s", list->value,
					list->kind == OPT_FILE ? "_files" : "");
			fputs("' \\\n", out);
		}
	}
}

static void zsh_completion(FILE *out)
{
	fputs("#compdef glanectl\n# zsh completion for glanectl, made by `glanectl completion "
	      "zsh`.\n\n"
	      "_glanectl_contexts() {\n"
	      "\tlocal -a numbers\n"
	      "\tnumbers=(${(f)\"$(glanectl show --json 2>/dev/null | sed -n 's/^ *\"context\": "
	      "\\([0-9]*\\).*/\\1/p')\"})\n"
	      "\tcompadd -a numbers\n"
	      "}\n\n"
	      "_glanectl() {\n"
	      "\tlocal -a commands\n"
	      "\tlocal command= word\n"
	      "\tfor word in ${words[2,CURRENT-1]}; do\n"
	      "\t\tcase $word in\n"
	      "\t\t-*) ;;\n"
	      "\t\t*)\n"
	      "\t\t\tcase $command in\n"
	      "\t\t\t''",
	      out);
	const char *last = "";
	for (const struct command_spec *c = command_table; c->name; c++) {
		size_t n = strcspn(c->name, " ");
		if (c->name[n] && (strncmp(last, c->name, n) || last[n] != ' '))
			fprintf(out, "|%.*s", (int)n, c->name);
		last = c->name;
	}
	fputs(") command=\"${command:+$command }$word\" ;;\n"
	      "\t\t\tesac ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $command in\n",
	      out);
	for (const struct command_spec *c = command_table; c->name; c++) {
		const char *words = operand_completes(c);
		fprintf(out, "\t'%s')\n\t\t_arguments -S \\\n", c->name);
		zsh_options(out, c->options[0]);
		zsh_options(out, c->options[1]);
		zsh_options(out, global_options);
		/* The command's own words are operands for _arguments. */
		fprintf(out, "\t\t\t'1: :(%.*s)' \\\n", (int)strcspn(c->name, " "), c->name);
		unsigned place = 2;
		if (strchr(c->name, ' '))
			fprintf(out, "\t\t\t'%u: :(%s)' \\\n", place++, strchr(c->name, ' ') + 1);
		if (*words)
			fprintf(out, "\t\t\t'%u:%s:%s%s%s'\n", place,
				c->operand[0] == '[' ? "CONTEXT" : c->operand,
				!strcmp(words, "FILE")	    ? "_files"
				: !strcmp(words, "CONTEXT") ? "_glanectl_contexts"
							    : "(",
				!strcmp(words, "FILE") || !strcmp(words, "CONTEXT") ? "" : words,
				!strcmp(words, "FILE") || !strcmp(words, "CONTEXT") ? "" : ")");
		else
			fputs("\t\t\t'*: :'\n", out);
		fputs("\t\t;;\n", out);
	}
	last = "";
	for (const struct command_spec *c = command_table; c->name; c++) {
		size_t n = strcspn(c->name, " ");
		if (c->name[n] && (strncmp(last, c->name, n) || last[n] != ' ')) {
			fprintf(out, "\t%.*s)\n\t\tcommands=(\n", (int)n, c->name);
			for (const struct command_spec *d = c; d->name; d++) {
				if (strncmp(d->name, c->name, n + 1))
					continue;
				fprintf(out, "\t\t\t'%s:", d->name + n + 1);
				zsh_text(out, d->summary);
				fputs("'\n", out);
			}
			fputs("\t\t)\n\t\t_describe command commands ;;\n", out);
		}
		last = c->name;
	}
	fputs("\t*)\n\t\tcommands=(\n", out);
	last = "";
	for (const struct command_spec *c = command_table; c->name; c++) {
		size_t n = strcspn(c->name, " ");
		if (!c->name[n]) {
			fprintf(out, "\t\t\t'%s:", c->name);
			zsh_text(out, c->summary);
			fputs("'\n", out);
		} else if (strncmp(last, c->name, n) || last[n] != ' ') {
			fprintf(out, "\t\t\t'%.*s:", (int)n, c->name);
			for (const struct command_spec *d = c; d->name; d++) {
				if (!strncmp(d->name, c->name, n + 1))
					fprintf(out, "%s%s", d == c ? "" : ", ", d->name + n + 1);
			}
			fputs("'\n", out);
		}
		last = c->name;
	}
	fputs("\t\t)\n\t\t_describe command commands\n\t\t_arguments -S \\\n", out);
	zsh_options(out, global_options);
	fputs("\t\t\t'*: :' ;;\n\tesac\n}\n\n_glanectl \"$@\"\n", out);
}

int run_completion(struct ctl *ctl)
{
	static const char *const shells[] = { "bash", "zsh" };
	if (!strcmp(ctl->operand, "bash")) {
		bash_completion(stdout);
		return CTL_OK;
	}
	if (!strcmp(ctl->operand, "zsh")) {
		zsh_completion(stdout);
		return CTL_OK;
	}
	const char *nearest = parse_nearest(ctl->operand, shells, 2);
	return fail(ctl, CTL_USAGE, "there is no completion for '%s'; give bash or zsh%s%s%s",
		    ctl->operand, nearest ? "; did you mean '" : "", nearest ? nearest : "",
		    nearest ? "'?" : "");
}
