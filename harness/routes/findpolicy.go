package routes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// A policy is what is looked at of an AuthorizationPolicy: the ports that it asks for, and whose pods it is for.
// Its other conditions are not looked at.
type policy struct {
	Object
	selector map[string]string
	rules    []policyRule
}

type policyRule struct {
	To []struct {
		Operation struct {
			Ports, NotPorts []string
		}
	}
}

func (w *world) addPolicy(o Object) error {
	var spec struct {
		Selector struct {
			MatchLabels map[string]string
		}
		Rules []policyRule
	}
	if err := decode(o, &spec); err != nil {
		return err
	}
	w.policies = append(w.policies, policy{o, spec.Selector.MatchLabels, spec.Rules})
	return nil
}

// findPolicyPorts looks for policies that ask for a Service's port in place of the pod's. A pod's proxy sees the port
// that the connection comes to, which is the pod's (security/v1beta1/authorization_policy.proto: Operation.ports;
// destination.port in Envoy's RBAC), so that such a condition is never met.
func (t *Table) findPolicyPorts(p policy) {
	mapped, pods := t.podPorts(p)
	for i, rule := range p.rules {
		for j, to := range rule.To {
			for _, text := range slices.Concat(to.Operation.Ports, to.Operation.NotPorts) {
				n, err := strconv.Atoi(text)
				why, ok := mapped[n]
				if err != nil || !ok || pods[n] {
					continue
				}
				t.find(PolicyPort, p.Object, p.at(fmt.Sprintf("spec.rules[%d].to[%d].operation", i, j)), -1,
					fmt.Sprintf("The policy asks for port %d, and %s: the pods' proxies see theirs, so that no "+
						"request has port %d.", n, why, n), "Ask for the pods' port.")
			}
		}
	}
}

// podPorts returns the ports of the pods that a policy is for, and those of their Services where the pods have others.
func (t *Table) podPorts(p policy) (mapped map[int]string, pods map[int]bool) {
	mapped, pods = map[int]string{}, map[int]bool{}
	for _, name := range slices.Sorted(maps.Keys(t.world.services)) {
		svc := t.world.services[name]
		if svc.entry || svc.namespace != p.GetNamespace() || !t.world.concerns(p, svc) {
			continue
		}
		for _, port := range svc.ports {
			for _, target := range t.world.targets(svc, port) {
				pods[target] = true
				if target != port.number {
					mapped[port.number] = fmt.Sprintf("%s has port %d for the pods' port %d", svc.host, port.number,
						target)
				}
			}
		}
	}
	return mapped, pods
}

// concerns tells whether a policy is for pods of a Service.
func (w *world) concerns(p policy, svc *service) bool {
	return slices.ContainsFunc(w.behind(svc), func(one workload) bool { return subset(p.selector, one.labels) })
}

// targets are the ports of its pods that a Service's port leads to, by number: a name is looked up in the containers.
func (w *world) targets(svc *service, p servicePort) []int {
	if p.target == "" {
		return []int{p.number}
	}
	if n, err := strconv.Atoi(p.target); err == nil {
		return []int{n}
	}
	var all []int
	for _, one := range w.behind(svc) {
		if n, ok := one.ports[p.target]; ok && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}
