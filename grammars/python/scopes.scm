; What a patch may be confined to. Decorators belong to what they decorate: the code widens the span.

(module) @module

(class_definition
  name: (identifier) @name) @class

(function_definition
  name: (identifier) @name) @function
