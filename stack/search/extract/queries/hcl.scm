; A block's labels are its name: resource "aws_instance" "web" is aws_instance.web of kind resource.
(config_file (body (block . (identifier) @kind [(string_lit (template_literal) @name) (identifier) @name]+) @block))
(config_file (body (block . (identifier) @outer (body (attribute . (identifier) @name) @variable)))
  (#eq? @outer "locals"))
(config_file (body (attribute . (identifier) @name) @variable))
