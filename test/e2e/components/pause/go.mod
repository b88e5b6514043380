module e2e.pratique.dev/pause

go 1.26.0
