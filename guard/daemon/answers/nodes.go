package answers

// nodes are those of a swarm for whoever may not see the host as a whole: that they are there, and whether they work, which is what
// clients wait for when a service starts. Their names, addresses, labels and certificates are left out.
func nodes(batch []value) ([]value, error) {
	var list []value
	for _, v := range batch {
		left, err := edit(v, func(name string, v value) (value, error) {
			switch name {
			case "ID", "Version", "CreatedAt", "UpdatedAt":
				return v, nil
			case "Status":
				return edit(v, only("State"))
			case "Spec":
				return edit(v, only("Role", "Availability"))
			}
			return nil, nil
		})
		if err != nil {
			return nil, err
		}
		list = append(list, left)
	}
	return list, nil
}

func only(names ...string) func(string, value) (value, error) {
	return func(name string, v value) (value, error) {
		for _, n := range names {
			if n == name {
				return v, nil
			}
		}
		return nil, nil
	}
}
