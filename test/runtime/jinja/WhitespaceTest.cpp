//===- WhitespaceTest.cpp - what tags leave of the text -------------------===//
//
// Expectations were printed by jinja2 3.1.6 in the environment that
// transformers renders chat templates in.
//
//===----------------------------------------------------------------------===//

#include "test/runtime/jinja/Rendering.h"

namespace swallow::jinja {
namespace {

void check(std::initializer_list<RenderCase> cases) { checkAll(cases, "{}"); }

TEST(Whitespace, TagsAndText) {
  check({
      {"x\n{%+ if 1 %}　{%+ endif +%}", "x\n　"},
      {"  {% if 1 %}\t\v{{ 1 }}\v{%- endif -%}x", "\t\v1x"},
      {"  \r\v{# c #}{#+ c +#}{# c #}\v  \v", "  \n\v  \v"},
      {"　{#+ c +#}  {% raw %}　\n \r{% if 1 %}{% endif %}{%- raw -%}\n{%- "
       "endraw -%}{% set q = 1 %}",
       "　  　\n \n{% if 1 %}{% endif %}{%- raw -%}"},
      {"x{%+ if 1 %}{%+ endif +%}　-{%+ if 1 %}{% endif %}", "x　-"},
      {"{% raw %}x  {#- c -#}\t\r{# c #}{%+ endraw +%}{% raw %}{% if 1 %}{%- "
       "endraw -%}",
       "x  {#- c -#}\t\n{# c #}{% if 1 %}"},
      {"\n{% raw %}{% if 1 %}{%- endraw -%}", "\n{% if 1 %}"},
      {"{%- raw -%}{% endif %}{#- c -#}{# c #}{%+ endraw +%}{{- 2 -}}{#+ c "
       "+#}\r\n",
       "{% endif %}{#- c -#}{# c #}2"},
      {"{% raw %}\r\n{%- raw -%}{% set q = 1 %}\t{%- endif -%}{% raw %}{%- "
       "endraw -%}{# c #}\v\r",
       "\n{%- raw -%}{% set q = 1 %}\t{%- endif -%}{% raw %}\v"},
      {"--{% raw %}{%+ endraw +%}  　{% set q = 1 %}", "--  　"},
      {" {#- c -#}\r\n　\t{{- 2 -}}x{% set q = 1 %}\n{% raw %}", "2x"},
      {"{#- c -#}{% set q = 1 %}{%- raw -%}{%- raw -%}\v{%- endraw -%}{#- c "
       "-#}",
       "{%- raw -%}"},
      {"\v {%- if 1 %}-{{ 1 }}{#+ c +#}{% set q = 1 %}{%- raw -%}x{%+ endraw "
       "+%}{%+ endif +%}-{#+ c +#}",
       "-1x-"},
      {"{#- c -#}{%- raw -%}{%- endraw -%}{%- raw -%}", ""},
      {"　\v{% set q = 1 %}{% set q = 1 %}{% if 1 %}\v　  {%+ endif +%}",
       "\v　  "},
      {"　{#+ c +#}\t{# c #}- ", "　\t- "},
      {"{{- 2 -}}{#- c -#}\n{#- c -#}{%+ if 1 %}{%- endif -%}", "2"},
      {"{{ 1 }}{% set q = 1 %}\r\n\v-  {%- if 1 %}{{- 2 -}}{{ 1 }}{{- 2 -}}  "
       "-{%+ endif +%}",
       "1\v-212-"},
      {"{% raw %}{{- 2 -}}\t{{ 1 }}{% raw %}{# c #}{{ 1 }}{# c #}{%- endraw "
       "-%}  ",
       "{{- 2 -}}\t{{ 1 }}{% raw %}{# c #}{{ 1 }}{# c #}"},
      {"{%- raw -%}\r{%- endraw -%}-{% set q = 1 %}", "-"},
      {"{# c #}{% raw %}{%- if 1 %}{%+ if 1 %}{%- raw -%}x　  {% if 1 %}{{- 2 "
       "-}}　{% endraw %}\n{# c #}",
       "{%- if 1 %}{%+ if 1 %}{%- raw -%}x　  {% if 1 %}{{- 2 -}}　"},
      {"{%- raw -%}x{{ 1 }}{% endif %} {% endif %}{#+ c +#}{% endraw %}\n",
       "x{{ 1 }}{% endif %} {% endif %}{#+ c +#}"},
      {"{{- 2 -}}　{% set q = 1 %}{#- c -#}\v  -x{{ 1 }}{%- if 1 %}{%- endif "
       "-%}",
       "2-x1"},
      {" {%+ if 1 %}{%- endif -%}{% raw %}{%- endraw -%} ", " "},
      {"\n{#- c -#}\r{% raw %}{{- 2 -}}{%- endif -%} {{ 1 }}{% set q = 1 "
       "%}\n{%- endraw -%}{#+ c +#}",
       "{{- 2 -}}{%- endif -%} {{ 1 }}{% set q = 1 %}"},
      {"x\r\n{{ 1 }}{%- raw -%}{% raw %}{# c #}{% endif %}-{%- endraw "
       "-%}\r\v{# c #}{{- 2 -}}{% set q = 1 %}",
       "x\n1{% raw %}{# c #}{% endif %}-2"},
      {"\n{{ 1 }}{# c #}{{- 2 -}}--{#- c -#}\t{#- c -#}{% if 1 %}{% set q = 1 "
       "%}{%- endif -%}{# c #}\t",
       "\n12--\t"},
      {"x{% set q = 1 %}{%- raw -%}{% if 1 %}{{- 2 -}}\r{{ 1 }}{%+ if 1 %}{#+ "
       "c +#}{% set q = 1 %}{% raw %}{%+ endraw +%}\n\v",
       "x{% if 1 %}{{- 2 -}}\n{{ 1 }}{%+ if 1 %}{#+ c +#}{% set q = 1 %}{% raw "
       "%}\n\v"},
      {"{%- raw -%}{% endraw %}\t ", "\t "},
      {"{#+ c +#}\t\v{% raw %}\t\r{%- if 1 %}{% endraw %}{# c #}{#+ c +#}\n\n",
       "\t\v\t\n{%- if 1 %}\n"},
      {"{#+ c +#}{%- raw -%}{% raw %}{% endraw %}", "{% raw %}"},
      {"\r\n{{ 1 }}\t\r\n\r{# c #}    {% raw %}{%- endraw -%}-  ",
       "\n1\t\n\n    -  "},
      {"{#+ c +#}\v\t{#+ c +#}{{ 1 }}{{ 1 }}", "\v\t11"},
      {"{% if 1 %}{{- 2 -}}\r\v{%- endif -%}{{- 2 -}}", "22"},
      {"　{% set q = 1 %}{{- 2 -}}{% raw %}{#+ c +#}　\v{{ 1 }}{% endraw %}\n",
       "2{#+ c +#}　\v{{ 1 }}"},
      {"\n{% raw %}{% if 1 %}  {#+ c +#}{%+ endraw +%}",
       "\n{% if 1 %}  {#+ c +#}"},
      {"{# c #}　\r{#- c -#}{% set q = 1 %}{{ 1 }}", "1"},
      {"\r\n\nx {#+ c +#}    \r{% raw %}{%+ endraw +%}", "\n\nx     \n"},
      {"\t{{- 2 -}}\v{#- c -#}{{ 1 }}{{- 2 -}}{% set q = 1 %}{% set q = 1 "
       "%}-{# c #}",
       "212-"},
      {"{% raw %}{% raw %}{# c #}{%- endraw -%}{%- if 1 %}{%+ endif +%}",
       "{% raw %}{# c #}"},
      {"{% if 1 %}xxx{%- endif -%}{%- raw -%}", "xxx"},
      {"  {% raw %}\v{#- c -#}{% endif %}{%- endraw -%}",
       "\v{#- c -#}{% endif %}"},
      {"\v\r{% raw %}{%- raw -%}{#+ c +#}{%- endraw -%}\r-{%- raw -%}",
       "\v\n{%- raw -%}{#+ c +#}-"},
      {"{%- raw -%}{% endif %}{# c #}{%- endraw -%}\n\r\n\r{% raw %}\r",
       "{% endif %}{# c #}"},
      {"{%- raw -%}\r\t{%- endif -%}{%- endif -%}{{- 2 -}}{%- endraw -%}\tx",
       "{%- endif -%}{%- endif -%}{{- 2 -}}x"},
      {"x{%- raw -%}{% raw %}{%+ if 1 %}{#+ c +#}{%- endraw -%}",
       "x{% raw %}{%+ if 1 %}{#+ c +#}"},
      {"{#+ c +#}{% set q = 1 %}x　 ", "x　 "},
      {"{# c #}\r\n　{% raw %}{%- endif -%}-\t{%- raw -%}\n{%- endraw -%}",
       "{%- endif -%}-\t{%- raw -%}"},
      {"    {#+ c +#}  x\v{#- c -#}\r\n  {#- c -#}", "      x"},
      {"{# c #}{%- raw -%}\r{%+ endraw +%} {#- c -#}{#+ c +#}{% raw %}{%- "
       "endraw -%}\v{%- raw -%}{% if 1 %}{% endraw %}",
       "{% if 1 %}"},
      {"x\v{#+ c +#}\nx{%- raw -%}\r\n{%+ if 1 %}{%+ endraw +%}",
       "x\v\nx{%+ if 1 %}"},
      {"-　{#+ c +#}{% set q = 1 %}{{- 2 -}}　", "-　2"},
      {"{%- raw -%}　{#- c -#}{%- raw -%}\n{% if 1 %}{{ 1 }}{#- c -#}{%- "
       "endraw -%}{#- c -#}  ",
       "{#- c -#}{%- raw -%}\n{% if 1 %}{{ 1 }}{#- c -#}"},
      {"{{ 1 }}-\n{#+ c +#}\t{{ 1 }}{% raw %}{%+ if 1 %}{%- if 1 %}{%+ endif "
       "+%}{% raw %}{% endraw %}",
       "1-\n\t1{%+ if 1 %}{%- if 1 %}{%+ endif +%}{% raw %}"},
      {"{%+ if 1 %}\t-{%+ endif +%}{% raw %}", "\t-"},
      {"\n{% if 1 %}\v　{%- endif -%}{% set q = 1 %}\t{{- 2 -}}{{- 2 -}}",
       "\n22"},
      {"{{- 2 -}}{%- raw -%} {%- endraw -%}x\n\tx    ", "2x\n\tx    "},
      {"\v\r\r{#+ c +#}{#+ c +#}", "\v\n\n"},
      {"{%- raw -%}{%+ endif +%}{#- c -#}{%+ if 1 %} {%+ endraw +%}  -{% set q "
       "= 1 %}{% raw %}",
       "{%+ endif +%}{#- c -#}{%+ if 1 %}   -"},
      {"{%- raw -%}\n{%- if 1 %}--{%+ endraw +%}", "{%- if 1 %}--"},
      {" {# c #}  -{% raw %}-{%- endraw -%}\r\n", "  --"},
      {"{# c #}  x{{- 2 -}}{% set q = 1 %}{{ 1 }}", "  x21"},
      {"{% raw %}  {{- 2 -}}{%+ endif +%}{% if 1 %}{{- 2 -}}　{{ 1 }}{{ 1 "
       "}}\v{#- c -#}x{% endraw %}\r",
       "  {{- 2 -}}{%+ endif +%}{% if 1 %}{{- 2 -}}　{{ 1 }}{{ 1 }}\v{#- c "
       "-#}x"},
      {"\t{%+ if 1 %}x\r  {#- c -#}\r\n\r{% set q = 1 %}{% set q = 1 %}{%- "
       "endif -%}\r",
       "\tx"},
      {"  -{{ 1 }}{% set q = 1 %}  \t{# c #}\t{{ 1 }}", "  -1  \t\t1"},
      {"{# c #}{{- 2 -}}x\n{%- raw -%}{% endif %}  {%- raw -%}{#+ c +#}\n{{- 2 "
       "-}}{%+ endraw +%}",
       "2x{% endif %}  {%- raw -%}{#+ c +#}\n{{- 2 -}}"},
      {"\r　{% raw %}{%- endraw -%}", "\n"},
      {"{% raw %}{%+ if 1 %}{%- endraw -%}{#+ c +#}{% raw %}", "{%+ if 1 %}"},
      {"{% raw %}\n{# c #}{% set q = 1 %}{%- raw -%}{{- 2 -}}\n{%+ endif "
       "+%}{%- if 1 %}　{%+ endraw +%}-",
       "\n{# c #}{% set q = 1 %}{%- raw -%}{{- 2 -}}\n{%+ endif +%}{%- if 1 "
       "%}　-"},
      {"{%+ if 1 %}　{%- endif -%} {% set q = 1 %}\t", "\t"},
      {"\v\tx　\r\n-  {%- if 1 %}x  {% endif %}", "\v\tx　\n-x  "},
      {"{% set q = 1 %}  {{ 1 }} x\r\nx{% raw %}", "  1 x\nx"},
      {"{% raw %}{%+ if 1 %}{%- endif -%}x{%- if 1 %}{{ 1 }}{% set q = 1 %}{%- "
       "endif -%}{% set q = 1 %}  \r\n{%- endraw -%}",
       "{%+ if 1 %}{%- endif -%}x{%- if 1 %}{{ 1 }}{% set q = 1 %}{%- endif "
       "-%}{% set q = 1 %}"},
      {"{%- raw -%}\t{#- c -#}{%- endraw -%}", "{#- c -#}"},
      {"{% raw %}{%- endif -%}{%- endif -%}{%+ if 1 %}\r\n\r{%+ if 1 %}{#+ c "
       "+#} {# c #}\r\n{%+ endraw +%}",
       "{%- endif -%}{%- endif -%}{%+ if 1 %}\n\n{%+ if 1 %}{#+ c +#} {# c "
       "#}\n"},
      {" --{%+ if 1 %}　{% set q = 1 %}　{%+ endif +%}", " --　　"},
      {"\r\n\v　{%+ if 1 %}{# c #}{%- endif -%}", "\n\v　"},
      {"{# c #}\n{% set q = 1 %}\v", "\v"},
      {"{#- c -#}{%+ if 1 %}{%- endif -%}x", "x"},
      {"{%- raw -%}{% endraw %}x\r{{ 1 }}{{- 2 -}}\t", "x\n12"},
      {"{{ 1 }}  {% raw %}{% set q = 1 %}\n{%+ endraw +%}{% set q = 1 %}\r\n",
       "1  {% set q = 1 %}\n"},
      {"{% if 1 %}{{- 2 -}}{% endif %}{# c #}{%- if 1 %}\r\n{#+ c +#}-{%+ "
       "endif +%}{%- raw -%}",
       "2-"},
      {"x{{ 1 }}x{%- raw -%}x{%+ endraw +%}\v\vx{{ 1 }}", "x1xx\v\vx1"},
      {"\r-{% if 1 %}x{%+ if 1 %}{%+ endif +%}{%+ if 1 %}{%- endif "
       "-%}\t\n\r\t{%+ endif +%}",
       "\n-x"},
      {"{% if 1 %}{%+ endif +%}\n{#- c -#}{%- raw -%}x\v\t{% if 1 %}\n{{ 1 "
       "}}{%+ endraw +%}",
       "x\v\t{% if 1 %}\n{{ 1 }}"},
      {"{%+ if 1 %}　{% set q = 1 %}{%+ endif +%}\r\nx{%- raw -%}\n{%+ if 1 "
       "%}{% set q = 1 %}{%- endraw -%}\r\n",
       "　\nx{%+ if 1 %}{% set q = 1 %}"},
      {"{% raw %}　  \t{% endraw %}", "　  \t"},
      {"{%+ if 1 %}\r\t{# c #}  {%+ endif +%}", "  "},
      {"x{% raw %}\t{{ 1 }}\v\n{%+ if 1 %}{#- c -#}\v\t{% if 1 %}{%- endraw "
       "-%}",
       "x\t{{ 1 }}\v\n{%+ if 1 %}{#- c -#}\v\t{% if 1 %}"},
      {"{#- c -#}{%- if 1 %}{% raw %}\r\n{% endraw %}{%+ endif +%}\t ",
       "\n\t "},
  });
}

} // namespace
} // namespace swallow::jinja
