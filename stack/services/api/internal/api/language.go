package api

import "strings"

// The names are those of stack/search/extract/languages.py, so that a file is called the same here and in the search.
// Where an extension belongs to several languages, the search looks into the file; here the usual one is taken.
var languages = map[string]string{
	"Ada":               "ada adb ads",
	"AsciiDoc":          "adoc asc asciidoc",
	"Assembly":          "asm nasm s",
	"Astro":             "astro",
	"Awk":               "awk gawk",
	"Batchfile":         "bat cmd",
	"BibTeX":            "bib",
	"C":                 "c idc h",
	"C#":                "cs csx cake",
	"C++":               "cc cpp cxx c++ c++m cppm ixx hh hpp hxx h++ ipp inl ino tcc tpp txx",
	"CMake":             "cmake",
	"COBOL":             "cob cbl cpy",
	"CSS":               "css",
	"CSV":               "csv",
	"Clojure":           "clj cljc cljs edn",
	"CoffeeScript":      "coffee",
	"Common Lisp":       "lisp lsp asd",
	"Crystal":           "cr",
	"Cuda":              "cu cuh",
	"Cython":            "pyx pxd pxi",
	"D":                 "d di",
	"Dart":              "dart",
	"Diff":              "diff patch",
	"Dockerfile":        "dockerfile containerfile",
	"Eiffel":            "e",
	"Elixir":            "ex exs",
	"Elm":               "elm",
	"Emacs Lisp":        "el",
	"Erlang":            "erl hrl escript",
	"F#":                "fs fsi fsx",
	"Fish":              "fish",
	"Fortran":           "f f77 f90 f95 f03 f08 for",
	"GDScript":          "gd",
	"GLSL":              "glsl vert frag geom comp",
	"Gherkin":           "feature",
	"Gleam":             "gleam",
	"Go":                "go",
	"Go Module":         "mod",
	"Go Template":       "gotmpl",
	"GraphQL":           "graphql gql graphqls",
	"Groovy":            "groovy gvy gy gsh gradle",
	"HCL":               "hcl tf tfvars nomad",
	"HLSL":              "hlsl hlsli fx",
	"HTML":              "html htm xhtml",
	"Haml":              "haml",
	"Handlebars":        "hbs handlebars mustache",
	"Haskell":           "hs lhs hsc",
	"Haxe":              "hx",
	"INI":               "ini cfg cnf editorconfig",
	"Idris":             "idr",
	"JSON":              "json jsonl ndjson json5 jsonc geojson jsonld webmanifest avsc ipynb",
	"Java":              "java jav",
	"Java Properties":   "properties",
	"JavaScript":        "js mjs cjs jsx es6",
	"Jinja":             "j2 jinja jinja2",
	"Jsonnet":           "jsonnet libsonnet",
	"Julia":             "jl",
	"Kotlin":            "kt kts ktm",
	"Lean":              "lean",
	"Less":              "less",
	"Lex":               "l lex flex",
	"Lua":               "lua luau rockspec",
	"M4":                "m4 ac am",
	"Makefile":          "mk mak make",
	"Markdown":          "md markdown mdx mkd mdown qmd rmd",
	"Meson":             "meson",
	"Metal":             "metal",
	"Mojo":              "mojo",
	"Nim":               "nim nims nimble",
	"Nix":               "nix",
	"Nushell":           "nu",
	"OCaml":             "ml mli mll mly",
	"Objective-C":       "m",
	"Objective-C++":     "mm",
	"Odin":              "odin",
	"PHP":               "php php3 php4 php5 php7 php8 phtml phps",
	"PLpgSQL":           "pgsql plpgsql",
	"Pascal":            "pas dpr lpr",
	"Perl":              "pm pod psgi xs pl",
	"PlantUML":          "puml plantuml",
	"PowerShell":        "ps1 psd1 psm1",
	"Prisma":            "prisma",
	"Protocol Buffer":   "proto",
	"Pug":               "pug jade",
	"Puppet":            "pp",
	"PureScript":        "purs",
	"Python":            "py pyi pyw pyt wsgi gyp gypi tac",
	"QML":               "qml qbs",
	"R":                 "r rd",
	"Racket":            "rkt",
	"Raku":              "raku rakumod p6 pl6 pm6",
	"Rich Text Format":  "rtf",
	"RobotFramework":    "robot",
	"Ruby":              "rb rake gemspec ru podspec erb jbuilder",
	"Rust":              "rs",
	"SCSS":              "scss",
	"SQL":               "sql ddl dml",
	"SVG":               "svg",
	"Sass":              "sass",
	"Scala":             "scala sbt sc",
	"Scheme":            "scm ss sld",
	"Shell":             "sh bash zsh ksh bats ebuild",
	"Slim":              "slim",
	"Solidity":          "sol",
	"Standard ML":       "sml sig",
	"Starlark":          "bzl bazel star sky",
	"Stylus":            "styl",
	"Svelte":            "svelte",
	"Swift":             "swift",
	"SystemVerilog":     "sv svh",
	"TOML":              "toml",
	"TSV":               "tsv",
	"TSX":               "tsx",
	"Tcl":               "tcl itcl tk",
	"TeX":               "tex sty cls ltx dtx ins",
	"Text":              "txt text log",
	"Thrift":            "thrift",
	"Twig":              "twig",
	"TypeScript":        "mts cts ts",
	"VHDL":              "vhd vhdl",
	"Vala":              "vala vapi",
	"Vim Script":        "vim vimrc",
	"Visual Basic .NET": "vb vbs bas",
	"Vue":               "vue",
	"WebAssembly":       "wat wast",
	"XML":               "xml xsd xsl xslt xaml rng wsdl dtd plist resx csproj fsproj vbproj vcxproj props targets pom storyboard",
	"YAML":              "yaml yml eyaml",
	"Yacc":              "y yacc yy",
	"Yang":              "yang",
	"Zig":               "zig zon",
	"reStructuredText":  "rst rest",
}

var fileNames = map[string]string{
	"CMake":        "cmakelists.txt",
	"Dockerfile":   "containerfile dockerfile",
	"Go Checksums": "go.sum",
	"Go Module":    "go.mod go.work",
	"Groovy":       "jenkinsfile",
	"INI":          ".gitconfig .gitmodules",
	"JSON":         ".babelrc",
	"Just":         "justfile",
	"Kconfig":      "kconfig",
	"M4":           "configure.ac",
	"Makefile":     "gnumakefile makefile makefile.am makefile.in",
	"Meson":        "meson.build meson_options.txt",
	"Perl":         "makefile.pl",
	"Procfile":     "procfile",
	"Python":       "sconscript sconstruct snakefile wscript",
	"Ruby":         "brewfile config.ru fastfile gemfile guardfile podfile rakefile vagrantfile",
	"Shell":        ".bash_aliases .bash_profile .bashrc .profile .zshrc apkbuild gradlew pkgbuild",
	"Starlark":     "build build.bazel tiltfile workspace",
	"TOML":         "cargo.lock pipfile poetry.lock uv.lock",
	"Text":         "authors changelog changes contributing copying gemfile.lock install license news notice readme",
	"Vim Script":   ".vimrc",
	"YAML":         ".clang-format .clang-tidy yarn.lock",
}

// Languages of text, data and markup say little of what a repository is written in.
var notCounted = map[string]bool{
	"AsciiDoc": true, "BibTeX": true, "CSV": true, "Diff": true, "Go Checksums": true, "Go Module": true, "INI": true,
	"JSON": true, "Java Properties": true, "Markdown": true, "Procfile": true, "Rich Text Format": true, "SVG": true,
	"TOML": true, "TSV": true, "Text": true, "XML": true, "YAML": true, "reStructuredText": true,
}

var byExtension, byName = turned(languages), turned(fileNames)

func turned(table map[string]string) map[string]string {
	by := map[string]string{}
	for name, words := range table {
		for _, word := range strings.Fields(words) {
			by[word] = name
		}
	}
	return by
}

// languageOf is the language of a file by its name, and whether it counts for the repository's.
func languageOf(path string) (name string, counts bool) {
	base := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	name, known := byName[base]
	if dot := strings.LastIndexByte(base, '.'); !known && dot > 0 {
		name = byExtension[base[dot+1:]]
	}
	if name == "" && (strings.HasPrefix(base, "dockerfile.") || strings.HasPrefix(base, "containerfile.")) {
		name = "Dockerfile"
	}
	return name, name != "" && !notCounted[name]
}
