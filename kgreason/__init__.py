"""kgreason: logical questions over incomplete knowledge graphs, ranked and explained."""
